// The one main of seqc_tests; every other file in tests/ holds test cases or helpers.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>

int main(int argc, char** argv) {
  // Nothing is taken from the user's cache of compiled code, or put there; tests of the cache name a folder of their own.
  setenv("SEQC_CACHE", "off", 1);
  return doctest::Context(argc, argv).run();
}
