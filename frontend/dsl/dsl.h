/// The C++ DSL: models written with variables, functions of them, cells and scans; one include for all of it.
///
///   dsl::Model model("tagger");
///   dsl::Var x = model.input("x", ir::DType::f32, {ir::Dim::symbol("T"), ir::Dim::symbol("N"), 28});
///   dsl::LstmCell cell = dsl::lstm_parameters(model, "lstm", 28, 128);
///   dsl::Vars y = dsl::scan(cell, x, {dsl::zeros_like_rows(x, 128), dsl::zeros_like_rows(x, 128)}).outputs;
///   model.output("y", y[0]);
///   std::unique_ptr<ir::Module> module = model.finish();
///
/// A cell of your own is a function from a step's input and the states to the next states and outputs:
///
///   auto leaky = [&](const dsl::Var& x, const dsl::Vars& s) -> dsl::Step {
///     dsl::Var h = decay * s[0] + dsl::tanh(dsl::linear(x, w) + dsl::linear(s[0], r));
///     return {{h}, {h}};
///   };
///
/// Everything becomes primitives of the IR; no part of the compiler knows a cell by name. Errors that a caller can make
/// (shapes, element types) are thrown as seqc::Error at the call that made them.
#pragma once

#include "frontend/dsl/activation.h"    // IWYU pragma: export
#include "frontend/dsl/cells.h"         // IWYU pragma: export
#include "frontend/dsl/dropout.h"       // IWYU pragma: export
#include "frontend/dsl/initializers.h"  // IWYU pragma: export
#include "frontend/dsl/layers.h"        // IWYU pragma: export
#include "frontend/dsl/losses.h"        // IWYU pragma: export
#include "frontend/dsl/model.h"         // IWYU pragma: export
#include "frontend/dsl/scan.h"          // IWYU pragma: export
#include "frontend/dsl/var.h"           // IWYU pragma: export
