// What was trained here runs elsewhere with the same numbers.
#include <doctest/doctest.h>

#include "runtime/training/trainer.h"
#include "tests/runtime/training/tasks.h"
#include "tests/support/exported.h"

using namespace seqc;

TEST_CASE("export: an LSTM that was trained with dropout") {
  const test::AddingProblem data(7, 9, 6, 1);
  training::Trainer trainer(*test::adding_model(17, 0.2), {.optimizer = training::adam(1e-2)});
  trainer.train(data, {.epochs = 2});
  const auto model = trainer.model({"prediction"});
  const test::Exported exported = test::check_export(*model, {data.batch(5, 0).at("x")});
  CHECK(exported.count("LSTM") == 1);
  CHECK(exported.count("Scan") == 0);
}

TEST_CASE("export: a model that goes on being trained keeps its parameters' names") {
  const test::AddingProblem data(5, 3, 2, 1);
  training::Trainer trainer(*test::adding_model(7), {.optimizer = training::sgd(0.1)});
  trainer.train(data, {.epochs = 1});
  const auto model = trainer.trainable_model();
  const auto batch = data.batch(5, 0);
  const test::Exported exported = test::check_export(*model, {batch.at("x"), batch.at("target")});
  CHECK(exported.count("LSTM") == 1);
  for (const auto& [name, value] : trainer.parameters())
    if (!name.starts_with("lstm")) CHECK_MESSAGE(exported.bytes.find(name) != std::string::npos, name);
}
