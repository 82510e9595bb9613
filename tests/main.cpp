// The one main of seqc_tests; every other file in tests/ holds test cases or helpers.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
