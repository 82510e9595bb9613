#include "runtime/training/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>

#include "ir/error.h"

#ifdef SEQC_WITH_MPI
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#endif

namespace seqc::training {

using ir::Tensor;

namespace {

/// Processes that a launcher says there are; 1: none said anything. Open MPI, MPICH and Intel, Slurm's PMI.
int64_t launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* text = std::getenv(name)) return std::max(std::atoll(text), 1LL);
  return 1;
}

}  // namespace

Ranks& Ranks::world() {
  static Ranks ranks;
  return ranks;
}

#ifdef SEQC_WITH_MPI

Ranks::Ranks() {
  int there = 0, over = 0;
  MPI_Initialized(&there);
  MPI_Finalized(&over);
  if (over || (!there && launched() == 1)) return;
  if (!there) {
    int level = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
    // A rank that ends well waits for the others; one that does not ends the job, or they would wait for it forever.
    ::on_exit(
        [](int status, void*) {
          int ended = 0;
          MPI_Finalized(&ended);
          if (ended) return;
          if (status == 0) MPI_Finalize();
          if (status != 0) MPI_Abort(MPI_COMM_WORLD, status);
        },
        nullptr);
  }
  int rank = 0, count = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  rank_ = rank;
  count_ = count;
}

std::vector<int64_t> Ranks::all(std::span<const int64_t> mine) {
  std::vector<int64_t> result(mine.size() * static_cast<size_t>(count_));
  if (!several()) return {mine.begin(), mine.end()};
  const int length = static_cast<int>(mine.size());
  MPI_Allgather(mine.data(), length, MPI_INT64_T, result.data(), length, MPI_INT64_T, MPI_COMM_WORLD);
  return result;
}

bool Ranks::first_says(bool value) {
  int32_t said = value;
  if (several()) MPI_Bcast(&said, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
  return said != 0;
}

namespace {

/// Applies `f` to a null pointer of the C++ type of the elements.
template <class F>
void with_type(ir::DType type, F&& f) {
  switch (type) {
    case ir::DType::f32: return f(static_cast<float*>(nullptr));
    case ir::DType::f64: return f(static_cast<double*>(nullptr));
    case ir::DType::i32: return f(static_cast<int32_t*>(nullptr));
    case ir::DType::i64: return f(static_cast<int64_t*>(nullptr));
    default: fail(ErrorKind::Unsupported, "several ranks: sums of {} over ranks", ir::name(type));
  }
}

/// to[i] = parts[0][i] + parts[1][i] + ..., `count` parts that lie one after the other.
void add_parts(ir::DType type, const std::byte* parts, size_t length, int64_t count, std::byte* to) {
  with_type(type, [&](auto* of_type) {
    using Number = std::remove_pointer_t<decltype(of_type)>;
    const auto* from = reinterpret_cast<const Number*>(parts);
    auto* result = reinterpret_cast<Number*>(to);
    for (size_t i = 0; i < length; ++i) {
      Number sum = from[i];
      for (int64_t part = 1; part < count; ++part) sum += from[static_cast<size_t>(part) * length + i];
      result[i] = sum;
    }
  });
}

/// Bytes of one bucket: enough to make the network worth it, few enough for MPI's counts.
constexpr size_t kBucketBytes = size_t{4} << 20;

/// The sum of one bucket of one type. Each rank gets its share of the elements from everybody, adds them up in the order of
/// ranks, and everybody gets the sums: as many bytes as any other way, and nothing depends on who came first.
class Bucket {
 public:
  Bucket(ir::DType type, int64_t count) : type_(type), count_(count), item_(ir::size_of(type)) {}

  void take(std::byte* bytes, size_t size) {
    pieces_.push_back({bytes, size});
    size_ += size;
  }
  size_t size() const { return size_; }
  bool holds(ir::DType type) const { return type == type_; }

  void start() {
    share_ = (size_ / item_ + static_cast<size_t>(count_) - 1) / static_cast<size_t>(count_) * item_;
    mine_.resize(share_ * static_cast<size_t>(count_));
    parts_.resize(mine_.size());
    std::byte* to = mine_.data();
    for (const auto& [bytes, size] : pieces_) to = std::copy_n(bytes, size, to);
    MPI_Ialltoall(mine_.data(), bytes(), MPI_BYTE, parts_.data(), bytes(), MPI_BYTE, MPI_COMM_WORLD, &request_);
  }
  void add() {
    MPI_Wait(&request_, MPI_STATUS_IGNORE);
    sums_.resize(share_);
    add_parts(type_, parts_.data(), share_ / item_, count_, sums_.data());
    MPI_Iallgather(sums_.data(), bytes(), MPI_BYTE, mine_.data(), bytes(), MPI_BYTE, MPI_COMM_WORLD, &request_);
  }
  void finish() {
    MPI_Wait(&request_, MPI_STATUS_IGNORE);
    const std::byte* from = mine_.data();
    for (const auto& [to, size] : pieces_) {
      std::memcpy(to, from, size);
      from += size;
    }
  }

 private:
  struct Piece {
    std::byte* bytes;
    size_t size;
  };
  int bytes() const { return static_cast<int>(share_); }

  ir::DType type_;
  int64_t count_;
  size_t item_, size_ = 0, share_ = 0;
  std::vector<Piece> pieces_;
  std::vector<std::byte> mine_, parts_, sums_;
  MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace

void Ranks::sum(std::span<Tensor* const> tensors) {
  if (!several()) return;
  std::vector<Bucket> buckets;
  for (Tensor* tensor : tensors) {
    with_type(tensor->dtype(), [](auto*) {});
    std::byte* bytes = tensor->mutable_bytes();
    size_t left = static_cast<size_t>(tensor->count()) * ir::size_of(tensor->dtype());
    while (left > 0) {
      if (buckets.empty() || !buckets.back().holds(tensor->dtype()) || buckets.back().size() == kBucketBytes)
        buckets.emplace_back(tensor->dtype(), count_);
      const size_t size = std::min(left, kBucketBytes - buckets.back().size());
      buckets.back().take(bytes, size);
      bytes += size;
      left -= size;
    }
  }
  // While a bucket is added up here, those behind it travel.
  for (Bucket& bucket : buckets) bucket.start();
  for (Bucket& bucket : buckets) bucket.add();
  for (Bucket& bucket : buckets) bucket.finish();
}

Tensor Ranks::joined(const Tensor& mine, int64_t axis) {
  if (!several()) return mine;
  const int64_t size = mine.shape()[static_cast<size_t>(axis)];
  const std::vector<int64_t> sizes = all(std::span(&size, 1));
  std::vector<int64_t> shape = mine.shape();
  shape[static_cast<size_t>(axis)] = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  const auto middle = shape.begin() + axis;
  const int64_t outer = std::accumulate(shape.begin(), middle, int64_t{1}, std::multiplies<>());
  const int64_t inner = std::accumulate(middle + 1, shape.end(), int64_t{1}, std::multiplies<>()) *
                        static_cast<int64_t>(ir::size_of(mine.dtype()));
  // Every rank's part for every outer index: joined along the first axis, then put into place.
  const int64_t row = shape[static_cast<size_t>(axis)] * inner;
  if (outer * row > INT32_MAX) fail(ErrorKind::Unsupported, "several ranks: {} bytes to be gathered", outer * row);
  std::vector<int> lengths, starts;
  int at = 0;
  for (const int64_t part : sizes) {
    lengths.push_back(static_cast<int>(outer * part * inner));
    starts.push_back(at);
    at += lengths.back();
  }
  Tensor result(mine.dtype(), shape);
  std::vector<std::byte> parts(static_cast<size_t>(at));
  MPI_Allgatherv(mine.bytes(), lengths[static_cast<size_t>(rank_)], MPI_BYTE, parts.data(), lengths.data(),
                 starts.data(), MPI_BYTE, MPI_COMM_WORLD);
  if (at == 0) return result;
  std::byte* to = result.mutable_bytes();
  for (int64_t o = 0; o < outer; ++o)
    for (size_t part = 0; part < sizes.size(); ++part) {
      const int64_t length = sizes[part] * inner;
      to = std::copy_n(parts.data() + starts[part] + o * length, length, to);
    }
  return result;
}

void Ranks::abort(const std::string& why) {
  fmt::print(stderr, "seqc: rank {} of {}: {}\n", rank_, count_, why);
  std::fflush(nullptr);
  if (several()) MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();
}

#else

Ranks::Ranks() {
  if (launched() > 1)
    fail(ErrorKind::Unsupported,
         "this is one of {} ranks, but seqc was built without MPI: install libopenmpi-dev and build it again, or start "
         "one process",
         launched());
}

std::vector<int64_t> Ranks::all(std::span<const int64_t> mine) { return {mine.begin(), mine.end()}; }
bool Ranks::first_says(bool value) { return value; }
void Ranks::sum(std::span<Tensor* const>) {}
Tensor Ranks::joined(const Tensor& mine, int64_t) { return mine; }

void Ranks::abort(const std::string& why) {
  fmt::print(stderr, "seqc: {}\n", why);
  std::abort();
}

#endif

}  // namespace seqc::training
