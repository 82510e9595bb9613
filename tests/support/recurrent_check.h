/// Runs a random recurrent node through seqc and holds the result against the oracle.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "tests/support/recurrent_cases.h"

namespace seqc::test {

/// The case's model as the importer makes it.
std::unique_ptr<ir::Function> import_case(const RecurrentCase& c);

/// "" or which output differs from the oracle's, by more than |got - want| <= atol + rtol*|want|.
std::string compare_with_oracle(const RecurrentCase& c, const std::vector<ir::Tensor>& got, double rtol, double atol);

/// A way to run an imported function on the inputs that it asks for.
using Executor = std::function<std::vector<ir::Tensor>(std::unique_ptr<ir::Function>, const std::vector<ir::Tensor>&)>;

/// Checks one case; a failed one is reported with its seed and description, and the others go on.
void expect_agreement(uint64_t seed, const RecurrentCase& c, const Executor& run, double rtol, double atol);

}  // namespace seqc::test
