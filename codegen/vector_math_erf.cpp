// erf: a rational function in f32; in f64 a polynomial near zero and 1 - e^(-x^2) P(x)/Q(x) beyond it.
#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

// a/b near tan(asin(erf x)/2), minimax with weight sqrt(1 - erf^2), error 4e-8; then scaled, and moved by ulps, until
// roundings were small. At the limit erf rounds to 1.
Lanes erf_f32(const Lanes& x) {
  return saturated(odd_saturating(x, 3.95, {0.968072355, 0.135716349, 0.0169821922, 0.000520059199, -5.49215474e-06},
                                  {1.71586359, 0.266328543, 0.0609845929, 0.00377247366}));
}

Lanes erf_f64(const Lanes& x) {
  const Lanes a = clamp(abs(x), 0.0, 6.0), u = a * a;
  // erf(x)/x on [0, 1], relative error 1.3e-19.
  const Lanes near =
      a * polynomial(u, {1.128379167095512574, -0.376126389031837476, 0.1128379167095485749, -0.02686617064507289427,
                         0.005223977624780855788, -0.0008548326978741403195, 0.0001205533103686637373,
                         -0.00001492559350602941207, 1.646097280258681464e-6, -1.635002506553813985e-7,
                         1.465787877039501145e-8, -1.13656617933959319e-9, 5.945254692966000391e-11});
  // erfc(x) e^(x^2) on [1, 6], absolute error of erf 4e-19.
  const Lanes p =
      polynomial(a, {0.999999940979666213, 1.349036779607868912, 0.9008638265996983773, 0.3457864067210895657,
                     0.07594604076820438383, 0.007759524593391100426, 9.163186237476850725e-9});
  const Lanes q = polynomial(a, {1.0, 2.477415311867378223, 2.696330911728933542, 1.663096833462331021,
                                 0.619886617433641932, 0.1346001782371994512, 0.01375400365412131649});
  const Lanes far = 1.0 - exp_f64(-u) * p / q;
  return with_sign_of(select(a < 1.0, near, far), x);
}

}  // namespace

llvm::Value* VectorMath::erf(llvm::Value* x) { return apply(x, erf_f64, erf_f32); }

}  // namespace seqc::codegen
