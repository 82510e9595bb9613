// Measures the emitted elementary functions against libm: every stated error bound, every special value, equal bits at
// every width. SEQC_EXHAUSTIVE=1 visits all 2^32 f32 inputs of the hot functions instead of a stride through them.
#include "codegen/vector_math_llvm.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using seqc::codegen::Machine;
using seqc::codegen::VectorMath;
using Unary = llvm::Value* (VectorMath::*)(llvm::Value*);
template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
template <typename T>
using Kernel = void (*)(const T* x, const T* y, T* out, std::int64_t n);

/// Appends `void name(x, y, out, n)`, which applies `body` to `width` lanes at a time; n is a multiple of the width.
template <typename T, typename Body>
void add_kernel(llvm::Module& module, const std::string& name, unsigned width, const Machine& machine, Body body) {
  llvm::IRBuilder<> b(module.getContext());
  llvm::Type* lane = sizeof(T) == 4 ? b.getFloatTy() : b.getDoubleTy();
  llvm::Type* vector = width == 1 ? lane : llvm::FixedVectorType::get(lane, width);
  auto* type =
      llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy(), b.getPtrTy(), b.getInt64Ty()}, false);
  auto* f = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  auto* entry = llvm::BasicBlock::Create(module.getContext(), "entry", f);
  auto* loop = llvm::BasicBlock::Create(module.getContext(), "loop", f);
  auto* done = llvm::BasicBlock::Create(module.getContext(), "done", f);
  b.SetInsertPoint(entry);
  b.CreateBr(loop);
  b.SetInsertPoint(loop);
  auto* i = b.CreatePHI(b.getInt64Ty(), 2);
  const auto load = [&](unsigned argument) {
    return b.CreateAlignedLoad(vector, b.CreateGEP(lane, f->getArg(argument), i), llvm::Align(sizeof(T)));
  };
  b.setFastMathFlags(llvm::FastMathFlags::getFast());  // must leave no trace
  llvm::Value* result = nullptr;
  {
    VectorMath math(b, machine);
    result = body(math, load(0), load(1));
  }
  b.clearFastMathFlags();
  b.CreateAlignedStore(result, b.CreateGEP(lane, f->getArg(2), i), llvm::Align(sizeof(T)));
  auto* next = b.CreateAdd(i, b.getInt64(width));
  i->addIncoming(b.getInt64(0), entry);
  i->addIncoming(next, loop);
  b.CreateCondBr(b.CreateICmpULT(next, f->getArg(3)), loop, done);
  b.SetInsertPoint(done);
  b.CreateRetVoid();
  REQUIRE_FALSE(llvm::verifyFunction(*f, &llvm::errs()));
  for (const llvm::Instruction& instruction : *loop)
    if (llvm::isa<llvm::FPMathOperator>(instruction)) REQUIRE(instruction.getFastMathFlags().none());
}

bool is_x86() { return llvm::Triple(llvm::sys::getProcessTriple()).isX86(); }
bool host_fuses() { return !is_x86() || llvm::sys::getHostCPUFeatures().lookup("fma"); }

/// This one, or one that is as old as can be.
Machine machine(bool fused) {
  Machine result;
  result.has_fma = fused;
  result.has_scale = fused && is_x86() && llvm::sys::getHostCPUFeatures().lookup("avx512vl");
  return result;
}

template <typename T>
class Jit {
 public:
  template <typename Body>
  Jit(unsigned width, bool fused, Body body) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto context = std::make_unique<llvm::LLVMContext>();
    auto module = std::make_unique<llvm::Module>("vector_math", *context);
    add_kernel<T>(*module, "kernel", width, machine(fused), body);
    jit_ = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    module->setDataLayout(jit_->getDataLayout());
    llvm::cantFail(jit_->addIRModule({std::move(module), std::move(context)}));
    kernel = llvm::cantFail(jit_->lookup("kernel")).template toPtr<Kernel<T>>();
  }
  Kernel<T> kernel;

 private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
};

template <typename T>
Jit<T> jit(Unary f, unsigned width, bool fused) {
  return Jit<T>(width, fused, [f](VectorMath& m, llvm::Value* x, llvm::Value*) { return (m.*f)(x); });
}

/// |got - want| in units of the last place of `want`, 1/2 where `got` is `want` correctly rounded; infinity stands for
/// the first number out of range. What must agree exactly (NaN, signs) counts as 1e30 if it does not.
template <typename T, typename Wide>
double ulps(T got, Wide want, double flushed_below) {
  using Limits = std::numeric_limits<T>;
  if (got == static_cast<T>(want) && std::signbit(got) == std::signbit(want)) return 0.5;
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got) ? 0 : 1e30;
  if (std::fabs(want) < flushed_below) return std::fabs(got) <= flushed_below ? 0 : 1e30;
  if (std::signbit(got) != std::signbit(want)) return 1e30;
  const Wide top = std::ldexp(Wide{1}, Limits::max_exponent);
  const Wide g = std::min(std::fabs(static_cast<Wide>(got)), top), w = std::min(std::fabs(want), top);
  int exponent = 0;
  std::frexp(std::min(w, static_cast<Wide>(Limits::max())), &exponent);
  const int ulp = std::max(exponent, Limits::min_exponent) - Limits::digits;
  return static_cast<double>(std::ldexp(std::fabs(g - w), -ulp));
}

/// A function with the bounds that vector_math_llvm.h states, in ulps.
struct Row {
  const char* name;
  Unary emit;
  double (*f64)(double);
  long double (*f80)(long double);
  double f32_bound, f32_bound_unfused, f64_bound, f64_bound_unfused;
  bool hot = false;                     // pure f32 code: worth visiting every input
  double at_most = INFINITY;            // no result may be larger in magnitude
  double domain = INFINITY;             // finite inputs beyond it are not compared
  double f32_flush = 0, f64_flush = 0;  // results below may be zero

  template <typename T>
  double bound(bool fused) const {
    return sizeof(T) == 4 ? (fused ? f32_bound : f32_bound_unfused) : (fused ? f64_bound : f64_bound_unfused);
  }
};

template <typename T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <typename T>
T softplus(T x) {
  return std::isnan(x) ? x : std::max(x, T(0)) + std::log1p(std::exp(-std::fabs(x)));
}

#define STD(name) \
  #name, &VectorMath::name, [](double x) { return std::name(x); }, [](long double x) { return std::name(x); }
#define OWN(name) #name, &VectorMath::name, name<double>, name<long double>
const Row kRows[] = {
    {STD(exp), 1.1, 1.4, 1.0, 1.0, true},
    {STD(log), 0.9, 0.9, 0.9, 0.9, true},
    {STD(tanh), 4.0, 3.8, 2.8, 2.8, true, 1},
    {OWN(sigmoid), 4.3, 4.1, 2.2, 2.2, true, 1, INFINITY, 4.2e-39, 8e-309},
    {STD(erf), 4.6, 4.3, 2.0, 2.0, true, 1},
    {OWN(softplus), 1.9, 1.9, 2.2, 2.2, true},
    {STD(expm1), 1.8, 1.8, 2.2, 2.2, true},
    {STD(log1p), 1.6, 1.6, 2.0, 2.0, true},
    {STD(sinh), 0.51, 0.51, 2.8, 2.8},
    {STD(cosh), 0.51, 0.51, 1.8, 1.8},
    {STD(asinh), 0.51, 0.51, 2.8, 2.8},
    {STD(acosh), 0.51, 0.51, 2.8, 2.8},
    {STD(atanh), 0.51, 0.51, 2.8, 2.8},
    {STD(sin), 0.51, 0.51, 2.5, 2.5, false, 1, 0x1p31},
    {STD(cos), 0.51, 0.51, 2.5, 2.5, false, 1, 0x1p31},
    {STD(tan), 0.51, 0.51, 4.0, 4.0, false, INFINITY, 0x1p31},
    {STD(asin), 0.51, 0.51, 2.5, 2.5},
    {STD(acos), 0.51, 0.51, 1.5, 1.5},
    {STD(atan), 0.51, 0.51, 1.0, 1.0},
};
#undef STD
#undef OWN

struct Worst {
  double error = -1, at = 0;
  void add(double e, double x) {
    if (e > error) *this = {e, x};
  }
};

/// Runs a kernel over `xs`, whose size is a multiple of the width, and finds the largest error.
template <typename T>
void visit(Kernel<T> kernel, const Row& row, const std::vector<T>& xs, Worst& worst) {
  std::vector<T> out(xs.size());
  kernel(xs.data(), xs.data(), out.data(), static_cast<std::int64_t>(xs.size()));
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (std::isfinite(xs[i]) && std::fabs(xs[i]) > row.domain) {
      worst.add(std::fabs(out[i]) <= row.at_most ? 0 : 1e30, xs[i]);
    } else if (std::fabs(out[i]) > row.at_most) {
      worst.add(1e30, xs[i]);
    } else if constexpr (sizeof(T) == 4) {
      worst.add(ulps(out[i], row.f64(xs[i]), row.f32_flush), xs[i]);
    } else {
      worst.add(ulps(out[i], row.f80(xs[i]), row.f64_flush), xs[i]);
    }
  }
}

/// Every `stride`-th bit pattern of f32, on all cores.
void sweep(Kernel<float> kernel, const Row& row, std::uint64_t stride, Worst& worst) {
  constexpr std::uint64_t kChunk = 4096;
  std::vector<Worst> parts(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < parts.size(); ++part)
    threads.emplace_back([&, part] {
      std::vector<float> xs(kChunk);
      for (std::uint64_t first = part * kChunk * stride; first < 1ULL << 32; first += parts.size() * kChunk * stride) {
        for (std::uint64_t i = 0; i < kChunk; ++i)
          xs[i] = std::bit_cast<float>(static_cast<std::uint32_t>(first + i * stride));
        visit(kernel, row, xs, parts[part]);
      }
    });
  for (auto& thread : threads) thread.join();
  for (const Worst& part : parts) worst.add(part.error, part.at);
}

/// Special values and where formulas change, with their neighbours (infinities and NaN are those of the largest number),
/// in both signs; then `count` random ones: half of them any bits, half of a magnitude from 2^-9 to 8.
template <typename T>
std::vector<T> samples(std::size_t count) {
  using Limits = std::numeric_limits<T>;
  const double overflow = std::log(static_cast<double>(Limits::max()));
  const double underflow = std::log(static_cast<double>(Limits::denorm_min()));
  std::vector<T> xs;
  for (const double v : {0.0,
                         0.25,
                         0.3465735902799726,
                         0.5,
                         0.66,
                         0.7071067811865476,
                         1.0,
                         1.4142135623730951,
                         2.0,
                         1.5707963267948966,
                         2.414213562373095,
                         3.141592653589793,
                         3.95,
                         6.0,
                         9.02,
                         20.0,
                         1e5,
                         overflow,
                         overflow + 0.6931471805599453,
                         underflow,
                         2147483648.0,
                         double{Limits::min()},
                         double{Limits::denorm_min()},
                         double{Limits::max()}}) {
    const Bits<T> bits = std::max<Bits<T>>(std::bit_cast<Bits<T>>(std::fabs(static_cast<T>(v))), 32);
    for (Bits<T> d = 0; d < 64; ++d) {
      const T near = std::bit_cast<T>(static_cast<Bits<T>>(bits + d - 32));
      xs.insert(xs.end(), {near, -near});
    }
  }
  std::mt19937_64 random(7);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = random();
    const T any = std::bit_cast<T>(static_cast<Bits<T>>(bits));
    const T common = std::ldexp(1 + static_cast<T>(bits >> 40) * T(0x1p-24), static_cast<int>(bits % 12) - 9);
    xs.push_back(i % 2 ? any : std::copysign(common, any));
  }
  while (xs.size() % 64) xs.push_back(1);
  return xs;
}

bool exhaustive() { return std::getenv("SEQC_EXHAUSTIVE") != nullptr; }

template <typename T>
void check(const Row& row, bool fused, const Worst& worst) {
  const std::string what = fmt::format("{} f{}{}: {:.4f} ulp at {:.9g}", row.name, 8 * sizeof(T),
                                       fused ? "" : " unfused", worst.error, worst.at);
  if (exhaustive()) MESSAGE(what);
  CHECK_MESSAGE(worst.error <= row.bound<T>(fused), what);
}

/// The number of lanes that differ, any NaN being equal to any other.
template <typename T>
std::size_t differences(const std::vector<T>& a, const std::vector<T>& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    count += std::bit_cast<Bits<T>>(a[i]) != std::bit_cast<Bits<T>>(b[i]) && !(std::isnan(a[i]) && std::isnan(b[i]));
  return count;
}

/// Compiles `body` at several widths, scalar included, and compares bits; returns the results.
template <typename T, typename Body>
std::vector<T> same_at_every_width(const std::vector<T>& xs, const std::vector<T>& ys, bool fused, Body body) {
  std::vector<T> first;
  for (const unsigned width : {8U, 1U, 4U, 16U}) {
    std::vector<T> out(xs.size());
    const Jit<T> compiled(width, fused, body);
    compiled.kernel(xs.data(), ys.data(), out.data(), static_cast<std::int64_t>(xs.size()));
    if (first.empty()) first = out;
    CHECK_MESSAGE(differences(first, out) == 0, "width ", width);
  }
  return first;
}

template <typename T>
void check_widths(const Row& row) {
  INFO(std::string(row.name));
  const std::vector<T> xs = samples<T>(20000);
  same_at_every_width(xs, xs, host_fuses(),
                      [&](VectorMath& m, llvm::Value* x, llvm::Value*) { return (m.*row.emit)(x); });
}

/// Both ways of rounding a product and a sum, as far as this machine has them.
std::vector<bool> ways() { return host_fuses() ? std::vector<bool>{true, false} : std::vector<bool>{false}; }

}  // namespace

TEST_CASE("vector math: f32 functions keep their bounds over all inputs") {
  for (const Row& row : kRows)
    for (const bool fused : ways()) {
      const Jit<float> compiled = jit<float>(row.emit, 8, fused);
      Worst worst;
      visit(compiled.kernel, row, samples<float>(100000), worst);
      const std::uint64_t stride =
          row.hot ? (fused ? (exhaustive() ? 1 : 1009) : (exhaustive() ? 61 : 4099)) : (exhaustive() ? 1021 : 16411);
      sweep(compiled.kernel, row, stride, worst);
      check<float>(row, fused, worst);
    }
}

TEST_CASE("vector math: log1p_unit keeps log1p's bounds from 0 to 1") {
  const Row row{"log1p_unit",
                &VectorMath::log1p_unit,
                [](double x) { return std::log1p(x); },
                [](long double x) { return std::log1p(x); },
                1.6,
                1.6,
                2.0,
                2.0};
  std::vector<float> xs = {std::numeric_limits<float>::quiet_NaN()};
  for (const float border : {0.41421356F, 0.5F, 1.0F, std::numeric_limits<float>::min()})
    for (std::uint32_t d = 0; d < 64; ++d)
      xs.push_back(std::bit_cast<float>(std::bit_cast<std::uint32_t>(border) + d - (border == 1 ? 63 : 32)));
  for (std::uint32_t bits = 0; bits < 0x3f800000; bits += exhaustive() ? 1 : 1009)
    xs.push_back(std::bit_cast<float>(bits));
  while (xs.size() % 64) xs.push_back(1);
  for (const bool fused : ways()) {
    const Jit<float> compiled = jit<float>(row.emit, 8, fused);
    Worst worst;
    visit(compiled.kernel, row, xs, worst);
    check<float>(row, fused, worst);
  }
}

TEST_CASE("vector math: f64 functions keep their bounds on samples") {
  for (const Row& row : kRows)
    for (const bool fused : ways()) {
      Worst worst;
      visit(jit<double>(row.emit, 4, fused).kernel, row, samples<double>(exhaustive() ? 2000000 : 40000), worst);
      check<double>(row, fused, worst);
    }
}

TEST_CASE("vector math: every width gives the same bits") {
  for (const Row& row : kRows) {
    check_widths<float>(row);
    check_widths<double>(row);
  }
}

namespace {

/// Pairs of special values, then random pairs whose power is mostly finite.
template <typename T>
void power_samples(std::vector<T>& xs, std::vector<T>& ys, std::size_t count) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> specials;
  for (T v : {T(0), T(0.5), T(1), T(1.5), T(2), T(3), T(4), T(1e10), T(33554431), Limits::min(), Limits::denorm_min(),
              Limits::max(), Limits::infinity(), Limits::quiet_NaN(), T(1) + Limits::epsilon(),
              T(2) / Limits::epsilon() - 1, T(1) / Limits::epsilon()})
    specials.insert(specials.end(), {v, -v});
  for (T x : specials)
    for (T y : specials) xs.push_back(x), ys.push_back(y);
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const double reach = Limits::max_exponent * 1.05, log2_x = i % 3 ? unit(random) * reach : unit(random);
    xs.push_back(
        static_cast<T>(std::exp2(std::clamp<double>(log2_x, Limits::min_exponent - 20, Limits::max_exponent - 0.01))));
    ys.push_back(static_cast<T>(reach * unit(random) / log2_x));
    if (i % 4 == 0) xs.back() = -xs.back(), ys.back() = std::nearbyint(ys.back());
  }
  while (xs.size() % 64) xs.push_back(1), ys.push_back(1);
}

template <typename T, typename Wide>
void check_pow(bool fused, double bound) {
  std::vector<T> xs, ys;
  power_samples(xs, ys, exhaustive() ? 2000000 : 100000);
  const std::vector<T> got =
      same_at_every_width(xs, ys, fused, [](VectorMath& m, llvm::Value* x, llvm::Value* y) { return m.pow(x, y); });
  std::size_t at = 0;
  double worst = -1;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double error = ulps(got[i], std::pow(static_cast<Wide>(xs[i]), static_cast<Wide>(ys[i])), 0);
    if (error > worst) worst = error, at = i;
  }
  const std::string what = fmt::format("pow f{}: {:.4f} ulp at {} ^ {}", 8 * sizeof(T), worst, xs[at], ys[at]);
  if (exhaustive()) MESSAGE(what);
  CHECK_MESSAGE(worst <= bound, what);
}

}  // namespace

TEST_CASE("vector math: pow follows ISO C in its special cases and keeps its bounds") {
  for (const bool fused : ways()) {
    check_pow<float, double>(fused, 0.51);
    check_pow<double, long double>(fused, 1.5);
  }
}

#if defined(__x86_64__)
TEST_CASE("vector math: plain x86-64 needs no library") {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::LLVMContext context;
  llvm::Module module("baseline", context);
  for (unsigned width : {1U, 8U}) {
    for (const Row& row : kRows) {
      const auto body = [&](VectorMath& m, llvm::Value* x, llvm::Value*) { return (m.*row.emit)(x); };
      add_kernel<float>(module, std::string(row.name) + "_f32", width, Machine(), body);
      add_kernel<double>(module, std::string(row.name) + "_f64", width, Machine(), body);
    }
    const auto body = [](VectorMath& m, llvm::Value* x, llvm::Value* y) { return m.pow(x, y); };
    add_kernel<float>(module, "pow_f32", width, Machine(), body);
    add_kernel<double>(module, "pow_f64", width, Machine(), body);
  }
  const std::string triple = "x86_64-unknown-linux-gnu";
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  REQUIRE_MESSAGE(target, error);
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, "x86-64", "", {}, llvm::Reloc::PIC_));
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  REQUIRE_FALSE(machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile));
  passes.run(module);
  const llvm::SmallVectorMemoryBuffer buffer(std::move(object), false);
  const auto file = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(buffer.getMemBufferRef()));
  std::size_t defined = 0;
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    const bool undefined = llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined;
    const std::string name = llvm::cantFail(symbol.getName()).str();
    CHECK_MESSAGE((!undefined || name.empty()), "undefined symbol ", name);
    defined += !undefined;
  }
  CHECK(defined > 2 * std::size(kRows));
}
#endif
