#include "frontend/dsl/cells.h"

#include <cmath>

namespace seqc::dsl {

namespace {

// One op a statement where an expression would hold two: C++ leaves the order of operands open, and a dump should not
// depend on the compiler.

// x·wᵀ + b comes first and by itself: it depends on no state, so hoist-projections can take it out of the scan.
Var input_part(const Gate& gate, const Var& x) { return linear(x, gate.w, gate.b); }
Var preactivation(const Gate& gate, const Var& x, const Var& h) {
  const Var input = input_part(gate, x);
  return input + linear(h, gate.r);
}

Var altered(const OnState& recurrent, const Var& h) { return recurrent ? recurrent(h) : h; }

Var with_peephole(const Var& z, const Var& weights, const Var& c) { return weights ? z + weights * c : z; }

Var activate(const Activation& activation, const Var& z, double clip) {
  return activation(std::isinf(clip) ? z : clamp(z, -clip, clip));
}

}  // namespace

// Ht = f(Xt*(Wi^T) + Ht-1*(Ri^T) + Wbi + Rbi)                                        [ONNX RNN]
Step RnnCell::operator()(const Var& x, const Vars& states) const {
  const Var h = activate(activation, preactivation(gate, x, altered(recurrent, states[0])), clip).named("h");
  return {{h}, {h}};
}

// zt = f(Xt*(Wz^T) + Ht-1*(Rz^T) + Wbz + Rbz)                                        [ONNX GRU]
// rt = f(Xt*(Wr^T) + Ht-1*(Rr^T) + Wbr + Rbr)
// ht = g(Xt*(Wh^T) + (rt (.) Ht-1)*(Rh^T) + Rbh + Wbh)        reset before
// ht = g(Xt*(Wh^T) + (rt (.) (Ht-1*(Rh^T) + Rbh)) + Wbh)      reset after
// Ht = (1 - zt) (.) ht + zt (.) Ht-1
Step GruCell::operator()(const Var& x, const Vars& states) const {
  const Var before = altered(recurrent, states[0]);
  const Var z = activate(activations.update, preactivation(update, x, before), clip).named("z");
  const Var r = activate(activations.reset, preactivation(reset, x, before), clip).named("r");
  const Var product = reset_after ? r * linear(before, candidate.r, recurrent_bias) : linear(r * before, candidate.r);
  const Var g = activate(activations.candidate, input_part(candidate, x) + product, clip).named("g");
  const Var h = ((1.0 - z) * g + z * states[0]).named("h");
  return {{h}, {h}};
}

// it = f(Xt*(Wi^T) + Ht-1*(Ri^T) + Pi (.) Ct-1 + Wbi + Rbi)                          [ONNX LSTM]
// ft = f(Xt*(Wf^T) + Ht-1*(Rf^T) + Pf (.) Ct-1 + Wbf + Rbf), or 1 - it when coupled
// ct = g(Xt*(Wc^T) + Ht-1*(Rc^T) + Wbc + Rbc)
// Ct = ft (.) Ct-1 + it (.) ct
// ot = f(Xt*(Wo^T) + Ht-1*(Ro^T) + Po (.) Ct + Wbo + Rbo)
// Ht = ot (.) h(Ct)
Step LstmCell::operator()(const Var& x, const Vars& states) const {
  const Var before = altered(recurrent, states[0]), &c_before = states[1];
  const auto gate = [&](const Activation& f, const Gate& weights, const Var& peephole, const Var& c) {
    return activate(f, with_peephole(preactivation(weights, x, before), peephole, c), clip);
  };
  const Var i = gate(activations.input, input, peephole_input, c_before).named("i");
  const Var f = (input_forget ? 1.0 - i : gate(activations.forget, forget, peephole_forget, c_before)).named("f");
  const Var g = gate(activations.cell, cell, {}, c_before).named("g");
  const Var kept = f * c_before;
  const Var c = (kept + i * g).named("c");
  const Var o = gate(activations.output, output, peephole_output, c).named("o");
  const Var h = (o * activate(activations.hidden, c, clip)).named("h");
  return {{h, c}, {h}};
}

}  // namespace seqc::dsl
