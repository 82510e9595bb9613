// Operators whose result sizes the data decide: interpreted, compiled with and without passes, on one and two threads.
#include <algorithm>
#include <numeric>

#include "codegen/codegen.h"
#include "passes/pass.h"
#include "tests/frontend/all_ways.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

namespace {

using namespace seqc;
using namespace seqc::test;

Tensor rounded(std::vector<int64_t> shape, uint64_t seed, double scale) {
  Random random(seed);
  Tensor x = random_tensor(DType::f32, std::move(shape), random);
  for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, std::round(x.real(i) * scale));
  return x;
}

Tensor numbers64(const std::vector<int64_t>& values) {
  return Tensor::i64({static_cast<int64_t>(values.size())}, values);
}

std::vector<int64_t> integers(const Tensor& x) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < x.count(); ++i) values.push_back(x.integer(i));
  return values;
}

TEST_CASE("NonZero: any rank, named dims, none and all") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", 3, "T"}).output("y", DType::i64, {3, ""});
  model.node("NonZero", {"x"}, {"y"});
  for (const auto& [n, t] : {std::pair<int64_t, int64_t>{1, 1}, {5, 7}, {0, 4}, {17, 2}}) {
    const Tensor x = rounded({n, 3, t}, static_cast<uint64_t>(n), 0.9);
    std::vector<std::vector<int64_t>> want(3);
    for (int64_t i = 0; i < x.count(); ++i) {
      if (x.real(i) == 0) continue;
      want[0].push_back(i / (3 * t));
      want[1].push_back(i / t % 3);
      want[2].push_back(i % t);
    }
    const auto got = run_all_ways(model, {x})[0];
    const auto count = static_cast<int64_t>(want[0].size());
    REQUIRE(got.shape() == std::vector<int64_t>{3, count});
    std::vector<int64_t> flat;
    for (const auto& row : want) flat.insert(flat.end(), row.begin(), row.end());
    CHECK(integers(got) == flat);
  }
  ModelBuilder scalar(13);
  scalar.input("x", DType::i32, {}).output("y", DType::i64, {0, ""});
  scalar.node("NonZero", {"x"}, {"y"});
  CHECK(run_all_ways(scalar, {Tensor::scalar_int(DType::i32, 5)})[0].shape() == std::vector<int64_t>{0, 1});
  CHECK(run_all_ways(scalar, {Tensor::scalar_int(DType::i32, 0)})[0].shape() == std::vector<int64_t>{0, 0});
}

TEST_CASE("what was picked goes on through other operators, and its size through shape arithmetic") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", 5}).input("keep", DType::boolean, {"N"}).output("y", DType::f32, {"", 3});
  model.output("size", DType::i64, {2}).output("mean", DType::f32, {5});
  Random random(3);
  model.initializer("w", random_tensor(DType::f32, {5, 3}, random)).initializer("row", numbers64({0}));
  model.node("Compress", {"x", "keep"}, {"some"}).attr("axis", 0);
  model.node("MatMul", {"some", "w"}, {"p"});
  model.node("Relu", {"p"}, {"y"});
  model.node("Shape", {"some"}, {"size"});
  model.node("Gather", {"size", "row"}, {"count"});
  model.node("Cast", {"count"}, {"real"}).attr("to", 1);
  model.node("ReduceSum", {"some", "row"}, {"sum"}).attr("keepdims", 0);
  model.node("Div", {"sum", "real"}, {"mean"});
  for (const int64_t n : {1, 3, 9, 33}) {
    const Tensor x = random_tensor(DType::f32, {n, 5}, random), keep = random_tensor(DType::boolean, {n}, random);
    const auto got = run_all_ways(model, {x, keep});
    const auto kept = integers(keep);
    const int64_t count = std::count(kept.begin(), kept.end(), 1);
    CHECK(got[0].shape() == std::vector<int64_t>{count, 3});
    CHECK(integers(got[1]) == std::vector<int64_t>{count, 5});
    for (int64_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += kept[static_cast<size_t>(i)] ? x.real(i * 5 + j) : 0;
      const double mean = sum / static_cast<double>(count);
      if (count > 0) CHECK(got[2].real(j) == doctest::Approx(mean).epsilon(1e-5));
    }
  }
}

TEST_CASE("Compress: a short condition, the flattened input; a long one is refused") {
  ModelBuilder model(11);
  model.input("x", DType::i8, {2, 3}).input("c", DType::boolean, {4}).output("y", DType::i8, {""});
  model.node("Compress", {"x", "c"}, {"y"});
  Tensor x(DType::i8, {2, 3}), c(DType::boolean, {4});
  for (int64_t i = 0; i < 6; ++i) x.set_integer(i, 10 * i);
  c.set_integer(1, 1);
  c.set_integer(3, 1);
  CHECK(integers(run_all_ways(model, {x, c})[0]) == std::vector<int64_t>{10, 30});
  ModelBuilder wrong(11);
  wrong.input("x", DType::i8, {2, 3}).input("c", DType::boolean, {4}).output("y", DType::i8, {"", 3});
  wrong.node("Compress", {"x", "c"}, {"y"}).attr("axis", 0).name("pick");
  const Error error = error_of([&] { import_built(wrong); });
  CHECK(contains(error, "Compress \"pick\": condition is bool[4], expected no more than the 2 of the axis"));
}

TEST_CASE("TopK: axes, both ends, ties, NaN, K as an input of the model") {
  for (const bool largest : {true, false}) {
    for (const int64_t axis : {0, 1, -1}) {
      ModelBuilder model(11);
      model.input("x", DType::f32, {"N", 7, 4}).output("v", DType::f32, {"", "", ""});
      model.output("i", DType::i64, {"", "", ""}).initializer("k", numbers64({3}));
      model.node("TopK", {"x", "k"}, {"v", "i"}).attr("axis", axis).attr("largest", largest ? 1 : 0);
      Tensor x = rounded({5, 7, 4}, 11, 3);
      x.set_real(9, NAN);
      const auto got = run_all_ways(model, {x});
      const int64_t at = axis < 0 ? 2 : axis, sizes[] = {5, 7, 4}, strides[] = {28, 4, 1};
      int64_t line = 0, wrong = 0;
      for (int64_t outer = 0; outer < 5 * 7 * 4 / (strides[at] * sizes[at]); ++outer)
        for (int64_t inner = 0; inner < strides[at]; ++inner, ++line) {
          const int64_t start = outer * strides[at] * sizes[at] + inner;
          std::vector<int64_t> order(static_cast<size_t>(sizes[at]));
          std::iota(order.begin(), order.end(), 0);
          const auto key = [&](int64_t i) {  // NaN above all
            const double v = x.real(start + i * strides[at]);
            return std::isnan(v) ? INFINITY : v;
          };
          std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
            return key(a) == key(b) ? a < b : largest ? key(a) > key(b) : key(a) < key(b);
          });
          for (int64_t r = 0; r < 3; ++r)
            wrong += got[1].integer(outer * 3 * strides[at] + r * strides[at] + inner) != order[static_cast<size_t>(r)];
        }
      CHECK(wrong == 0);
    }
  }
  ModelBuilder model(11);
  model.input("x", DType::i32, {"N"}).input("k", DType::i64, {1}).output("v", DType::i32, {""});
  model.node("TopK", {"x", "k"}, {"v", ""});
  Tensor x(DType::i32, {6});
  for (int64_t i = 0; i < 6; ++i) x.set_integer(i, (i * 5) % 6 - 2);
  for (const int64_t k : {0, 1, 4, 6}) {
    const auto got = integers(run_all_ways(model, {x, numbers64({k})})[0]);
    REQUIRE(static_cast<int64_t>(got.size()) == k);
    for (int64_t i = 0; i < k; ++i) CHECK(got[static_cast<size_t>(i)] == 3 - i);
  }
  ModelBuilder wrong(11);
  wrong.input("x", DType::i32, {2}).output("v", DType::i32, {""}).initializer("k", numbers64({3}));
  wrong.node("TopK", {"x", "k"}, {"v", ""}).name("t");
  CHECK(contains(error_of([&] { import_built(wrong); }), "TopK \"t\": K is 3, expected 0 to 2, the size of axis 0"));
}

TEST_CASE("Unique: elements and slices, in order of value and of appearance") {
  for (const bool sorted : {true, false}) {
    for (const int axis : {-1, 0, 1}) {  // -1: none
      INFO("sorted " << sorted << ", axis " << axis);
      ModelBuilder model(11);
      model.input("x", DType::f32, {"N", 3}).output("y", DType::f32, axis < 0 ? ModelShape{""} : ModelShape{"", ""});
      for (const char* name : {"first", "inverse", "count"}) model.output(name, DType::i64, {""});
      NodeRef node = model.node("Unique", {"x"}, {"y", "first", "inverse", "count"}).attr("sorted", sorted ? 1 : 0);
      if (axis >= 0) node.attr("axis", axis);
      for (const int64_t n : {0, 1, 2, 9, 17}) {
        const Tensor x = rounded({n, 3}, static_cast<uint64_t>(n) + 5, axis == 0 ? 0.6 : 2);
        std::vector<std::vector<double>> rows;  // what is compared
        if (axis < 0)
          for (const double v : numbers(x)) rows.push_back({v});
        else
          for (int64_t i = 0; i < (axis == 0 ? n : 3); ++i) {
            rows.emplace_back();
            for (int64_t j = 0; j < (axis == 0 ? 3 : n); ++j)
              rows.back().push_back(axis == 0 ? x.real(i * 3 + j) : x.real(j * 3 + i));
          }
        std::vector<std::vector<double>> unique;
        for (const auto& row : rows)
          if (std::find(unique.begin(), unique.end(), row) == unique.end()) unique.push_back(row);
        if (sorted) std::sort(unique.begin(), unique.end());
        const auto got = run_all_ways(model, {x});
        std::vector<int64_t> first, inverse, count;
        for (const auto& row : unique) {
          first.push_back(std::find(rows.begin(), rows.end(), row) - rows.begin());
          count.push_back(std::count(rows.begin(), rows.end(), row));
        }
        for (const auto& row : rows) inverse.push_back(std::find(unique.begin(), unique.end(), row) - unique.begin());
        CHECK(integers(got[1]) == first);
        CHECK(integers(got[2]) == inverse);
        CHECK(integers(got[3]) == count);
        const auto groups = static_cast<int64_t>(unique.size());
        CHECK(got[0].shape() == (axis < 0    ? std::vector<int64_t>{groups}
                                 : axis == 0 ? std::vector<int64_t>{groups, 3}
                                             : std::vector<int64_t>{n, groups}));
        bool same = true;
        for (int64_t i = 0; i < got[0].count(); ++i) {
          const int64_t group = axis == 1 ? i % groups : axis == 0 ? i / 3 : i;
          const int64_t element = axis == 1 ? i / groups : axis == 0 ? i % 3 : 0;
          same = same && got[0].real(i) == unique[static_cast<size_t>(group)][static_cast<size_t>(element)];
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE("NonMaxSuppression: against a plain loop") {
  Random random(8);
  for (const int centred : {0, 1}) {
    ModelBuilder model(11);
    model.input("boxes", DType::f32, {"B", "n", 4}).input("scores", DType::f32, {"B", 2, "n"});
    model.input("most", DType::i64, {1}).output("y", DType::i64, {"", 3});
    model.initializer("iou", Tensor::f32({1}, {0.3F})).initializer("low", Tensor::f32({1}, {0.1F}));
    model.node("NonMaxSuppression", {"boxes", "scores", "most", "iou", "low"}, {"y"}).attr("center_point_box", centred);
    for (const auto& [batches, n, most] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {2, 13, 3}, {3, 7, 100}, {1, 5, 0}}) {
      Tensor boxes = random_tensor(DType::f32, {batches, n, 4}, random),
             scores = random_tensor(DType::f32, {batches, 2, n}, random);
      if (centred)
        for (int64_t i = 0; i < boxes.count(); ++i) boxes.set_real(i, std::fabs(boxes.real(i)));
      std::vector<int64_t> want;
      for (int64_t b = 0; b < batches; ++b)
        for (int64_t c = 0; c < 2; ++c) {
          std::vector<int64_t> order(static_cast<size_t>(n)), kept;
          std::iota(order.begin(), order.end(), 0);
          const auto score = [&](int64_t i) { return scores.real((b * 2 + c) * n + i); };
          std::sort(order.begin(), order.end(),
                    [&](int64_t i, int64_t j) { return score(i) == score(j) ? i < j : score(i) > score(j); });
          struct Box {
            float y1, x1, y2, x2;
          };
          const auto box = [&](int64_t i) -> Box {
            const auto at = [&](int64_t k) { return static_cast<float>(boxes.real((b * n + i) * 4 + k)); };
            if (centred) return {at(1) - at(3) / 2, at(0) - at(2) / 2, at(1) + at(3) / 2, at(0) + at(2) / 2};
            return {std::min(at(0), at(2)), std::min(at(1), at(3)), std::max(at(0), at(2)), std::max(at(1), at(3))};
          };
          const auto overlap = [&](int64_t i, int64_t j) {
            const Box p = box(i), q = box(j);
            const float h = std::min(p.y2, q.y2) - std::max(p.y1, q.y1),
                        w = std::min(p.x2, q.x2) - std::max(p.x1, q.x1);
            const float common = std::max(h, 0.0F) * std::max(w, 0.0F);
            const float area = (p.y2 - p.y1) * (p.x2 - p.x1) + (q.y2 - q.y1) * (q.x2 - q.x1) - common;
            return area > 0 && common / area > 0.3F;
          };
          for (const int64_t i : order) {
            if (static_cast<int64_t>(kept.size()) >= most || !(score(i) > 0.1F)) continue;
            if (std::any_of(kept.begin(), kept.end(), [&](int64_t j) { return overlap(i, j); })) continue;
            kept.push_back(i);
            want.insert(want.end(), {b, c, i});
          }
        }
      CHECK(integers(run_all_ways(model, {boxes, scores, numbers64({most})})[0]) == want);
    }
  }
}

TEST_CASE("Slice: bounds that the data decide, as Python's") {
  for (const int64_t step : {1, 2, 3, -1, -2}) {
    ModelBuilder model(13);
    model.input("x", DType::i64, {"N", 2}).input("start", DType::i64, {1}).input("end", DType::i64, {1});
    model.output("y", DType::i64, {"", 2}).initializer("axes", numbers64({0})).initializer("steps", numbers64({step}));
    model.node("Slice", {"x", "start", "end", "axes", "steps"}, {"y"});
    const auto function = import_built(model);
    passes::PassContext context;
    const auto copy = import_built(model);
    passes::run_passes(*copy, passes::standard_pipeline(), context, {});
    const auto program = codegen::compile(*copy);
    int wrong = 0;
    for (const int64_t n : {0, 1, 5}) {
      Tensor x(DType::i64, {n, 2});
      for (int64_t i = 0; i < x.count(); ++i) x.set_integer(i, i);
      for (int64_t start = -7; start <= 7; ++start)
        for (int64_t end = -7; end <= 7; ++end) {
          const auto wrap = [&](int64_t at, int64_t low, int64_t high) {
            return std::max(low, std::min(at < 0 ? at + n : at, high));
          };
          std::vector<int64_t> want;
          if (n == 0)
            want.clear();
          else if (step > 0)
            for (int64_t i = wrap(start, 0, n); i < wrap(end, 0, n); i += step)
              want.insert(want.end(), {2 * i, 2 * i + 1});
          else
            for (int64_t i = wrap(start, 0, n - 1); i > wrap(end, -1, n - 1); i += step)
              want.insert(want.end(), {2 * i, 2 * i + 1});
          const std::vector<Tensor> inputs = {x, numbers64({start}), numbers64({end})};
          wrong += integers(ir::interpret(*function, inputs)[0]) != want;
          wrong += integers(run_model(program->model(), inputs, 1)[0]) != want;
        }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("what depends on a size that only a run can tell, and may not, is refused by its name") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N"}).output("y", DType::f32, {""});
  model.node("NonZero", {"x"}, {"i"});
  model.node("Cast", {"i"}, {"f"}).attr("to", 1);
  model.node("Add", {"f", "x"}, {"y"}).name("sum");
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "Add \"sum\""));
  CHECK(contains(error, "nonzero is a size that only a run can tell"));
}

}  // namespace
