#include <algorithm>

#include "codegen/contract_kernel_llvm.h"
#include "codegen/deferred.h"
#include "ir/error.h"

namespace seqc::codegen {

/// Sums of all rows in memory, one part of the depth after the other.
void ContractKernel::sums_by_depth(const Chain& chain, const Rows& rows, llvm::Value* block, llvm::Value* sums) {
  const auto registers = static_cast<int64_t>(registers_of(chain));
  llvm::Type* type = register_of(chain);
  const auto bytes = static_cast<int64_t>(e_.GetInsertBlock()->getModule()->getDataLayout().getTypeAllocSize(type));
  const auto address = [&](llvm::Value* at, size_t i) {  // of a register of the tile that begins there
    llvm::Value* first = e_.mul(e_.CreateSub(at, rows.begin), e_.i64(registers));
    return register_in(sums, chain, e_.add(first, e_.i64(static_cast<int64_t>(i))));
  };
  if (begins_with_sums(chain)) {
    row_tiles(rows, [&](llvm::Value* at, int64_t of_tile) {
      const auto first = first_sums(chain, row_numbers(rows, at, of_tile), block);
      for (size_t i = 0; i < first.size(); ++i) e_.CreateStore(first[i], address(at, i));
    });
  } else {
    llvm::Value* count = e_.mul(e_.CreateSub(rows.end, rows.begin), e_.i64(registers));
    e_.CreateMemSet(sums, e_.getInt8(0), e_.mul(count, e_.i64(bytes)), llvm::Align(static_cast<uint64_t>(bytes)));
  }
  depth_parts(chain, [&](const Contraction& c, llvm::Value* k, llvm::Value* end) {
    row_tiles(rows, [&](llvm::Value* at, int64_t of_tile) {
      llvm::Value* ahead = e_.CreateUDiv(e_.CreateSub(at, rows.begin), e_.i64(tile_rows()));
      Emitter::Carried before(static_cast<size_t>(of_tile * registers));
      for (size_t i = 0; i < before.size(); ++i) before[i] = e_.CreateLoad(type, address(at, i));
      const auto after = add_products(tile_frame(), c, row_numbers(rows, at, of_tile), block, {k, end, ahead}, before);
      for (size_t i = 0; i < after.size(); ++i) e_.CreateStore(after[i], address(at, i));
    });
  });
}

void ContractKernel::depth_parts(const Chain& chain, const DepthPart& body) {
  for (const Contraction& c : chain) {
    e_.loop(e_.i64(0), f_.dim(c.depth), part_depth(), [&](llvm::Value* k) {
      llvm::Value* end =
          e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.add(k, e_.i64(part_depth())), f_.dim(c.depth));
      body(c, k, end);
    });
  }
}

/// Whether sums are what the kernel writes, with nothing to follow.
bool ContractKernel::results_are_sums() const {
  if (mask_ || lanes_ == 1) return false;
  size_t results = 0;
  for (const Chain& chain : chains_) results += static_cast<size_t>(chain.back().sums());
  if (results != f_.yielded().size()) return false;
  return std::all_of(f_.yielded().begin(), f_.yielded().end(), [&](const ir::Value* value) {
    const bool plain = value->dtype() == ir::DType::f32 || value->dtype() == ir::DType::f64;
    const auto is_result = [&](const Chain& chain) {
      const auto& ops = chain.back().ops;
      return std::find(ops.begin(), ops.end(), value->op()) != ops.end();
    };
    return plain && value->users().size() == 1 && std::any_of(chains_.begin(), chains_.end(), is_result);
  });
}

/// Long sums grow where they will stand. A part of the left-hand side is then read once for all blocks of columns.
void ContractKernel::sums_in_results(const Rows& rows, const Rows& blocks) {
  for (const Chain& chain : chains_) {
    const auto results = results_of(chain);
    const auto tiles = [&](const std::function<void(const std::vector<llvm::Value*>&, llvm::Value*)>& body) {
      row_chunks(rows, [&](const Rows& chunk) {
        e_.loop(blocks.begin, blocks.end, 1, [&](llvm::Value* block) {
          row_tiles(chunk, [&](llvm::Value* at, int64_t count) { body(row_numbers(chunk, at, count), block); });
        });
      });
    };
    tiles([&](const auto& numbers, llvm::Value* block) {
      store_tile(first_sums(chain, numbers, block), results, numbers, block);
    });
    depth_parts(chain, [&](const Contraction& c, llvm::Value* k, llvm::Value* end) {
      tiles([&](const auto& numbers, llvm::Value* block) {
        const auto before = load_tile(results, numbers, block);
        store_tile(add_products(tile_frame(), c, numbers, block, {k, end}, before), results, numbers, block);
      });
    });
  }
}

/// The kernel's results that are this chain's sums.
std::vector<const ir::Value*> ContractKernel::results_of(const Chain& chain) const {
  std::vector<const ir::Value*> results;
  for (int64_t s = 0; s < chain.back().sums(); ++s) {
    const auto at = std::find(f_.yielded().begin(), f_.yielded().end(), chain.back().result(s));
    results.push_back(f_.kernel.result(static_cast<size_t>(at - f_.yielded().begin())));
  }
  return results;
}

/// Where the registers of a tile stand in a buffer a gate, each of the domain's shape.
void ContractKernel::tile_registers(const std::vector<const ir::Value*>& buffers, const std::vector<llvm::Value*>& rows,
                                    llvm::Value* block, const AtRegister& body) {
  const auto strides = row_major_strides(domain_);
  for (llvm::Value* row : rows) {
    for (const ir::Value* buffer : buffers) {
      for (int64_t v = 0; v < vectors_; ++v) {
        llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.i64(v * lanes_));
        if (lanes_ == 1 && ragged())  // what is loaded beyond the last column is not used
          first = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, first, f_.dim(domain_[columns_] - Dim(1)));
        llvm::Value* offset = e_.i64(0);
        for (int i = 0; i <= columns_; ++i) {
          llvm::Value* index = i == columns_ ? first : i == row_ ? row : variables_[static_cast<size_t>(i)];
          if (index) offset = e_.add(offset, e_.mul(index, f_.dim(strides[static_cast<size_t>(i)])));
        }
        body(buffer, e_.element_address(f_.pointers.at(buffer), buffer->dtype(), offset), column_mask(first));
      }
    }
  }
}

Emitter::Carried ContractKernel::load_tile(const std::vector<const ir::Value*>& buffers,
                                           const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  Emitter::Carried registers;
  tile_registers(buffers, rows, block, [&](const ir::Value* buffer, llvm::Value* address, llvm::Value* mask) {
    llvm::Type* type = vector_of(register_type(e_.getContext(), buffer->dtype()), lanes_);
    const llvm::Align align(ir::size_of(buffer->dtype()));
    registers.push_back(mask ? static_cast<llvm::Value*>(
                                   e_.CreateMaskedLoad(type, address, align, mask, llvm::Constant::getNullValue(type)))
                             : e_.CreateAlignedLoad(type, address, align));
  });
  return registers;
}

void ContractKernel::store_tile(const Emitter::Carried& registers, const std::vector<const ir::Value*>& buffers,
                                const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  size_t next = 0;
  tile_registers(buffers, rows, block, [&](const ir::Value* buffer, llvm::Value* address, llvm::Value* mask) {
    const llvm::Align align(ir::size_of(buffer->dtype()));
    if (mask)
      e_.CreateMaskedStore(registers[next++], address, align, mask);
    else
      e_.CreateAlignedStore(registers[next++], address, align);
  });
}

/// What the sums of a chain begin with.
Emitter::Carried ContractKernel::first_sums(const Chain& chain, const std::vector<llvm::Value*>& rows,
                                            llvm::Value* block) {
  const auto& operands = chain.front().op().operands();
  if (begins_with_sums(chain)) return load_tile({operands.begin() + 2, operands.end()}, rows, block);
  return Emitter::Carried(rows.size() * registers_of(chain), llvm::Constant::getNullValue(register_of(chain)));
}

void ContractKernel::tile(const Rows& rows, llvm::Value* at, int64_t count, llvm::Value* block) {
  const auto numbers = row_numbers(rows, at, count);
  if (results_are_sums()) {
    for (const Chain& chain : chains_) store_tile(accumulate(chain, numbers, block), results_of(chain), numbers, block);
    return;
  }
  if (count > 1) {
    prefetch_epilogue(numbers, block);
    std::vector<llvm::Value*> sums;
    for (const Chain& chain : chains_) {
      const auto registers = accumulate(chain, numbers, block);
      sums.push_back(memory_for(chain, count));
      for (size_t i = 0; i < registers.size(); ++i)
        e_.CreateStore(registers[i], register_in(sums.back(), chain, e_.i64(static_cast<int64_t>(i))));
    }
    epilogue_from_memory(sums, rows, at, e_.i64(count), block);
    return;
  }
  std::vector<Emitter::Carried> sums;
  for (const Chain& chain : chains_) sums.push_back(accumulate(chain, numbers, block));
  for (int64_t v = 0; v < vectors_; ++v) {
    std::vector<llvm::Value*> vector;
    for (size_t i = 0; i < chains_.size(); ++i)
      for (int64_t s = 0; s < chains_[i].back().sums(); ++s)
        vector.push_back(sums[i][static_cast<size_t>(s * vectors_ + v)]);
    epilogue(vector, numbers[0], e_.i64(v), block);
  }
}

/// One register a row, gate and vector, in this order.
Emitter::Carried ContractKernel::accumulate(const Chain& chain, const std::vector<llvm::Value*>& rows,
                                            llvm::Value* block) {
  Emitter::Carried sums = first_sums(chain, rows, block);
  // Far lines are asked for while the longest one is summed, of the products in front of the epilogue.
  const auto depth = [](const Contraction& c) { return c.depth.is_constant() ? c.depth.constant() : 0; };
  const auto longest = std::max_element(
      chain.rbegin(), chain.rend(), [&](const Contraction& a, const Contraction& b) { return depth(a) < depth(b); });
  for (const Contraction& c : chain) {
    TileFrame tile = tile_frame();
    if (&chain == &chains_.back() && &c == &*longest) tile.each_pass = asking(rows, block);
    const bool waits = waits_in_product() && &c == &chains_.front().front();
    OtherSums others;
    if (beside_ && &chain == &chains_.back() && &c == &*longest) {
      others = sums_beside(e_.i64(0), e_.i64(1));
      tile.others = &others;
    }
    sums = waits ? add_as_they_come(tile, c, rows, block, std::move(sums))
                 : add_products(tile, c, rows, block, {}, std::move(sums));
  }
  return sums;
}

llvm::Type* ContractKernel::register_of(const Chain& chain) const {
  return vector_of(register_type(e_.getContext(), chain.back().type()), lanes_);
}

/// Writes the results for the lanes that begin at column `first` of `row`: all, or those that are computed from one sum.
void ContractKernel::write(llvm::Value* row, llvm::Value* first, const std::function<void(Evaluator&)>& prepare,
                           const ir::Value* of_sum) {
  const Coordinates identity = identity_coordinates(domain_.size());
  const auto masked_write = [&](llvm::Value* lanes_left) {
    LoopPoint point{variables_, columns_, lanes_, lanes_left};
    if (row_ >= 0) point.variables[row_] = row;
    point.variables[columns_] = first;
    point.variables.resize(domain_.size());
    Evaluator evaluate(f_, point);
    prepare(evaluate);
    for (size_t i = 0; i < outputs_.size(); ++i)
      if (!of_sum || only_sum(f_.yielded()[i], *of_sum->op()) == of_sum)
        evaluate.store(evaluate.value(f_.yielded()[i], identity), f_.kernel.result(i), outputs_[i]);
  };
  if (lanes_ == 1 && ragged()) {
    llvm::Value* left = e_.CreateSub(f_.dim(domain_[columns_]), first);
    return e_.when(e_.CreateICmpSGT(left, e_.i64(0)), [&] { masked_write(nullptr); });
  }
  masked_write(column_mask(first));
}

/// Whether the last block has columns beyond the result's.
bool ContractKernel::ragged() const {
  const Dim& count = domain_[columns_];
  return !(count.is_constant() && count.constant() % block_ == 0);
}

/// Which of the lanes from column `first` on exist; null: all.
llvm::Value* ContractKernel::column_mask(llvm::Value* first) {
  if (!ragged()) return nullptr;
  llvm::Value* left = e_.CreateSub(f_.dim(domain_[columns_]), first);
  return e_.CreateICmpSLT(e_.lane_numbers(lanes_), e_.splat(left, lanes_));
}

/// `accumulators`: one register a contraction's result, of one row and vector.
void ContractKernel::epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                              llvm::Value* block) {
  llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.mul(vector, e_.i64(lanes_)));
  write(row, first, [&](Evaluator& evaluate) {
    if (mask_) evaluate.assume(mask_, true);
    size_t i = 0;
    for (const Chain& chain : chains_)
      for (int64_t s = 0; s < chain.back().sums(); ++s)
        evaluate.bind(chain.back().result(s), identity_coordinates(domain_.size()), accumulators[i++]);
  });
}

/// What the epilogue reads of each row comes from far away (the projections of all steps): it is asked for in time.
void ContractKernel::prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  llvm::Value* first = e_.mul(block, e_.i64(block_));
  for (const Access& access : epilogue_reads_) {
    if (row_ < 0 || access.strides[row_] == Dim(0) || !f_.pointers.contains(access.buffer)) continue;
    for (llvm::Value* row : rows) {
      llvm::Value* offset = f_.dim(access.offset);
      for (size_t v = 0; v < access.strides.size(); ++v) {
        llvm::Value* at = static_cast<int>(v) == columns_ ? first : static_cast<int>(v) == row_ ? row : variables_[v];
        if (at && !(access.strides[v] == Dim(0))) offset = e_.add(offset, e_.mul(at, f_.dim(access.strides[v])));
      }
      const bool along = access.strides[columns_] == Dim(1);
      for (int64_t v = 0; v < (along ? vectors_ : 1); ++v) {
        llvm::Value* element = e_.add(offset, e_.i64(v * lanes_));
        llvm::Value* address = e_.element_address(f_.pointers.at(access.buffer), access.buffer->dtype(), element);
        e_.CreateIntrinsic(llvm::Intrinsic::prefetch, {e_.getPtrTy()},
                           {address, e_.getInt32(0), e_.getInt32(3), e_.getInt32(1)});
      }
    }
  }
}

/// Room for the sums of some rows.
llvm::Value* ContractKernel::memory_for(const Chain& chain, int64_t rows) {
  llvm::BasicBlock& entry = e_.GetInsertBlock()->getParent()->getEntryBlock();
  const auto count = static_cast<uint64_t>(rows) * registers_of(chain);
  return llvm::IRBuilder<>(&entry, entry.begin()).CreateAlloca(llvm::ArrayType::get(register_of(chain), count));
}

llvm::Value* ContractKernel::register_in(llvm::Value* memory, const Chain& chain, llvm::Value* number) {
  return e_.CreateInBoundsGEP(register_of(chain), memory, number);
}

/// Several rows leave no registers for an epilogue in place: the sums rest in memory, and one loop finishes them all.
void ContractKernel::epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at,
                                          llvm::Value* count, llvm::Value* block) {
  e_.loop(e_.i64(0), count, 1, [&](llvm::Value* r) {
    llvm::Value* row = row_number(rows, e_.add(at, r));
    e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
      std::vector<llvm::Value*> vector;
      for (size_t i = 0; i < chains_.size(); ++i) {
        const int64_t of_row = chains_[i].back().sums();
        for (int64_t s = 0; s < of_row; ++s) {
          llvm::Value* sum = e_.add(e_.mul(r, e_.i64(of_row)), e_.i64(s));
          llvm::Value* number = e_.add(e_.mul(sum, e_.i64(vectors_)), v);
          vector.push_back(e_.CreateLoad(register_of(chains_[i]), register_in(sums[i], chains_[i], number)));
        }
      }
      epilogue(vector, row, v, block);
    });
  });
}

/// A block of a row whose products nobody needs.
void ContractKernel::masked_row(llvm::Value* row, llvm::Value* block) {
  e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
    llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.mul(v, e_.i64(lanes_)));
    write(row, first, [&](Evaluator& evaluate) { evaluate.assume(mask_, false); });
  });
}

}  // namespace seqc::codegen
