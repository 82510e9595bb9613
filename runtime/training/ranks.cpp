#include "runtime/training/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

std::vector<int64_t> Ranks::all(std::span<const int64_t> mine) {
  std::vector<int64_t> result(mine.size() * static_cast<size_t>(count_));
  all(mine, result);
  return result;
}

#ifdef SEQC_WITH_MPI

namespace {

/// Each kind of transfer has ranks of its own, so to speak: MPI asks for one order among those that share them.
enum class Way { Parts, Sums, Join };

MPI_Comm way(Way which) {
  static const std::array<MPI_Comm, 3> ways = [] {
    std::array<MPI_Comm, 3> result{};
    for (MPI_Comm& comm : result) MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    return result;
  }();
  return ways[static_cast<size_t>(which)];
}

}  // namespace

Ranks::Ranks() {
  int there = 0, over = 0;
  MPI_Initialized(&there);
  MPI_Finalized(&over);
  if (over || (!there && launched() == 1)) return;
  if (!there) {
    int level = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &level);
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
  int rank = 0, count = 1, level = 0;
  MPI_Query_thread(&level);
  any_thread_talks_ = level >= MPI_THREAD_SERIALIZED;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  rank_ = rank;
  count_ = count;
  if (several()) way(Way::Parts);  // all are made here, by all ranks
}

void Ranks::all(std::span<const int64_t> mine, std::span<int64_t> result) {
  if (!several()) return void(std::copy(mine.begin(), mine.end(), result.begin()));
  const int length = static_cast<int>(mine.size());
  MPI_Allgather(mine.data(), length, MPI_INT64_T, result.data(), length, MPI_INT64_T, MPI_COMM_WORLD);
}

bool Ranks::first_says(bool value) {
  int32_t said = value;
  if (several()) MPI_Bcast(&said, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
  return said != 0;
}

// Requests are pointers in Open MPI and numbers in MPICH.
static_assert(sizeof(MPI_Request) <= sizeof(uintptr_t));

bool Ranks::Transfer::is_there() {
  if (!under_way_) return true;
  MPI_Request request;
  std::memcpy(&request, &request_, sizeof request);
  int there = 0;
  MPI_Test(&request, &there, MPI_STATUS_IGNORE);
  under_way_ = there == 0;
  return !under_way_;
}

void Ranks::Transfer::wait() {
  if (!under_way_) return;
  MPI_Request request;
  std::memcpy(&request, &request_, sizeof request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  under_way_ = false;
}

template <class Start>
Ranks::Transfer Ranks::under_way(Start&& start) {
  MPI_Request request = MPI_REQUEST_NULL;
  start(&request);
  Transfer result;
  std::memcpy(&result.request_, &request, sizeof request);
  result.under_way_ = true;
  return result;
}

Ranks::Transfer Ranks::start_parts(const std::byte* from, std::byte* to, size_t size) {
  const int length = static_cast<int>(size);
  return under_way([&](MPI_Request* request) {
    MPI_Ialltoall(from, length, MPI_BYTE, to, length, MPI_BYTE, way(Way::Parts), request);
  });
}

Ranks::Transfer Ranks::start_sums(std::byte* all, size_t size) {
  return under_way([&](MPI_Request* request) {
    MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, static_cast<int>(size), MPI_BYTE, way(Way::Sums), request);
  });
}

Ranks::Transfer Ranks::start_join(const std::byte* mine, std::byte* all, std::span<const int> lengths,
                                  std::span<const int> starts) {
  return under_way([&](MPI_Request* request) {
    MPI_Iallgatherv(mine, lengths[static_cast<size_t>(rank_)], MPI_BYTE, all, lengths.data(), starts.data(), MPI_BYTE,
                    way(Way::Join), request);
  });
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

void Ranks::all(std::span<const int64_t> mine, std::span<int64_t> result) {
  std::copy(mine.begin(), mine.end(), result.begin());
}
bool Ranks::first_says(bool value) { return value; }
bool Ranks::Transfer::is_there() { return true; }
void Ranks::Transfer::wait() {}
Ranks::Transfer Ranks::start_parts(const std::byte*, std::byte*, size_t) { return {}; }
Ranks::Transfer Ranks::start_sums(std::byte*, size_t) { return {}; }
Ranks::Transfer Ranks::start_join(const std::byte*, std::byte*, std::span<const int>, std::span<const int>) {
  return {};
}
Tensor Ranks::joined(const Tensor& mine, int64_t) { return mine; }

void Ranks::abort(const std::string& why) {
  fmt::print(stderr, "seqc: {}\n", why);
  std::abort();
}

#endif

}  // namespace seqc::training
