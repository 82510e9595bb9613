// What the C headers offer besides opening and running (library_test.cpp).
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "ir/dtype.h"
#include "runtime/seqc_runtime.h"

using namespace seqc;

TEST_CASE("C interface: every status has a text of its own") {
  std::set<std::string> texts;
  for (int32_t code = SEQC_OK; code <= SEQC_BAD_CPU; ++code) texts.insert(seqc_status_text(code));
  CHECK(texts.size() == SEQC_BAD_CPU + 1);
  CHECK_FALSE(texts.contains(seqc_status_text(SEQC_BAD_CPU + 1)));
  CHECK(std::string(seqc_status_text(SEQC_BAD_RANK | 5 << 8)) == seqc_status_text(SEQC_BAD_RANK));
  CHECK(std::string(seqc_status_text(-1)) == "unknown status");
}

TEST_CASE("C interface: names and sizes of element types are those of the IR") {
  for (int32_t i = 0; i < ir::kDTypeCount; ++i) {
    CAPTURE(i);
    CHECK(seqc_dtype_name(i) == ir::name(static_cast<ir::DType>(i)));
    CHECK(seqc_dtype_size(i) == ir::size_of(static_cast<ir::DType>(i)));
  }
  for (const int32_t none : {-1, int32_t{ir::kDTypeCount}}) {
    CHECK(std::string(seqc_dtype_name(none)) == "?");
    CHECK(seqc_dtype_size(none) == 0);
  }
  const seqc_tensor tensor = {nullptr, SEQC_F16, 3, {3, 5, 7}}, scalar = {nullptr, SEQC_F64, 0, {}},
                    empty = {nullptr, SEQC_F32, 2, {4, 0}};
  CHECK(seqc_tensor_bytes(&tensor) == 210);
  CHECK(seqc_tensor_bytes(&scalar) == 8);
  CHECK(seqc_tensor_bytes(&empty) == 0);
}

TEST_CASE("C interface: workspaces are aligned") {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{1000}}) {
    void* workspace = seqc_workspace_create(bytes);
    REQUIRE(workspace);
    CHECK(reinterpret_cast<uintptr_t>(workspace) % SEQC_ALIGNMENT == 0);
    std::memset(workspace, 1, bytes);
    seqc_workspace_destroy(workspace);
  }
  seqc_workspace_destroy(nullptr);
  alignas(SEQC_ALIGNMENT) char memory[2 * SEQC_ALIGNMENT];
  CHECK(seqc_align(memory) == memory);
  for (const int offset : {1, 63, 64}) CHECK(seqc_align(memory + offset) == memory + SEQC_ALIGNMENT);
  CHECK(seqc_workspace_create(SIZE_MAX / 2) == nullptr);
  CHECK(std::string(seqc_last_error()).starts_with("workspace: "));
}

TEST_CASE("C interface: versions") {
  CHECK(seqc_version() == 10000 * SEQC_VERSION_MAJOR + 100 * SEQC_VERSION_MINOR + SEQC_VERSION_PATCH);
  CHECK(seqc_is_library_compatible() == 1);
  CHECK(std::string(SEQC_VERSION_TEXT) == std::to_string(SEQC_VERSION_MAJOR) + "." +
                                              std::to_string(SEQC_VERSION_MINOR) + "." +
                                              std::to_string(SEQC_VERSION_PATCH));
  seqc_model model{};
  model.abi_version = SEQC_ABI_VERSION;
  CHECK(seqc_is_compatible(&model) == 1);
  ++model.abi_version;
  CHECK(seqc_is_compatible(&model) == 0);
}
