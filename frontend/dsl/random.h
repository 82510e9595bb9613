/// Random numbers as a function of a key and of each element's position, out of integer ops of the IR.
///
/// Nothing is carried from one draw to the next: number i of a key is SplitMix64's (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014), mix(key + (i+1) * 0x9e3779b97f4a7c15). So a key gives the same
/// numbers on every run, for every number of threads, interpreted or compiled.
#pragma once

#include <cstdint>
#include <string_view>

#include "ir/builder.h"

namespace seqc::dsl {

/// The bijection of 64-bit numbers at the end of SplitMix64 (its constants are Stafford's variant 13).
uint64_t mix_bits(uint64_t z);
/// FNV-1a.
uint64_t hash_text(std::string_view text);
/// The key of stream `number` of a key.
uint64_t stream_key(uint64_t key, uint64_t number);

/// u64[].
ir::Value* key_constant(ir::Builder& b, uint64_t key);
/// The key of a stream whose number a run tells (a step of training, of a loop); i64[].
ir::Value* stream_key(ir::Builder& b, ir::Value* key, ir::Value* number);
/// 64 random bits for each of `count` positions: u64[count].
ir::Value* random_bits(ir::Builder& b, ir::Value* key, const ir::Dim& count);

}  // namespace seqc::dsl
