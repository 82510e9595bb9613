// Kernels whose result is an order of elements: positions, arg_sort.
#include "codegen/kernel_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

/// A function of this module that belongs to one kernel, and the emitter that fills it.
struct Helper {
  Helper(Frame& f, llvm::Type* result, const std::vector<llvm::Type*>& arguments, const char* name)
      : function(llvm::Function::Create(llvm::FunctionType::get(result, arguments, false),
                                        llvm::Function::InternalLinkage, name, f.e.GetInsertBlock()->getModule())),
        e(llvm::BasicBlock::Create(f.e.getContext(), "entry", function), f.e.machine) {
    function->addFnAttr(llvm::Attribute::NoUnwind);
  }
  llvm::Value* argument(unsigned i) { return function->getArg(i); }
  llvm::BasicBlock* block(const char* name) { return llvm::BasicBlock::Create(e.getContext(), name, function); }

  llvm::Function* function;
  Emitter e;
};

llvm::Value* load_i64(Emitter& e, llvm::Value* base, llvm::Value* i) {
  return e.CreateLoad(e.getInt64Ty(), e.element_address(base, ir::DType::i64, i));
}

void store_i64(Emitter& e, llvm::Value* value, llvm::Value* base, llvm::Value* i) {
  e.CreateStore(value, e.element_address(base, ir::DType::i64, i));
}

/// a < b for elements in registers; NaN is above every number.
llvm::Value* less(Emitter& e, ir::DType type, llvm::Value* a, llvm::Value* b) {
  if (!ir::is_float(type)) return ir::is_signed_integer(type) ? e.CreateICmpSLT(a, b) : e.CreateICmpULT(a, b);
  llvm::Value* only_b_is_nan = e.CreateAnd(e.CreateFCmpORD(a, a), e.CreateFCmpUNO(b, b));
  return e.CreateOr(e.CreateFCmpOLT(a, b), only_b_is_nan);
}

/// bool before(rows, a, b, width): whether row a stands before row b in the result. No two rows are equal, as the
/// position decides in the end: so any sort by it is stable.
llvm::Function* emit_before(Frame& f, ir::DType type, bool descending) {
  llvm::Type *i64 = f.e.getInt64Ty(), *pointer = f.e.getPtrTy();
  Helper h(f, f.e.getInt1Ty(), {pointer, i64, i64, i64}, "before");
  Emitter& e = h.e;
  llvm::Value *rows = h.argument(0), *a = h.argument(1), *b = h.argument(2), *width = h.argument(3);
  auto *head = h.block("head"), *compare = h.block("compare"), *differ = h.block("differ"), *next = h.block("next"),
       *equal = h.block("equal");
  auto* entry = e.GetInsertBlock();
  llvm::Value *first = e.mul(a, width), *second = e.mul(b, width);
  e.CreateBr(head);
  e.SetInsertPoint(head);
  auto* i = e.CreatePHI(i64, 2);
  i->addIncoming(e.i64(0), entry);
  e.CreateCondBr(e.CreateICmpSLT(i, width), compare, equal);
  e.SetInsertPoint(compare);
  const auto load = [&](llvm::Value* row) {
    llvm::Value* at = e.element_address(rows, type, e.add(row, i));
    return e.from_memory(e.CreateLoad(memory_type(e.getContext(), type), at), type);
  };
  llvm::Value *u = load(first), *v = load(second);
  if (descending) std::swap(u, v);
  llvm::Value* is_less = less(e, type, u, v);
  e.CreateCondBr(e.CreateOr(is_less, less(e, type, v, u)), differ, next);
  e.SetInsertPoint(differ);
  e.CreateRet(is_less);
  e.SetInsertPoint(next);
  i->addIncoming(e.add(i, e.i64(1)), next);
  e.CreateBr(head);
  e.SetInsertPoint(equal);
  e.CreateRet(e.CreateICmpSLT(a, b));
  return h.function;
}

/// void sift(rows, order, root, end, width): lets order[root] sink until order[root, end) is a heap, last row on top.
llvm::Function* emit_sift(Frame& f, llvm::Function* before) {
  llvm::Type *i64 = f.e.getInt64Ty(), *pointer = f.e.getPtrTy();
  Helper h(f, f.e.getVoidTy(), {pointer, pointer, i64, i64, i64}, "sift");
  Emitter& e = h.e;
  llvm::Value *rows = h.argument(0), *order = h.argument(1), *end = h.argument(3), *width = h.argument(4);
  const auto is_before = [&](llvm::Value* a, llvm::Value* b) { return e.CreateCall(before, {rows, a, b, width}); };
  auto *head = h.block("head"), *descend = h.block("descend"), *two = h.block("two"), *chosen = h.block("chosen"),
       *swap = h.block("swap"), *done = h.block("done");
  auto* entry = e.GetInsertBlock();
  e.CreateBr(head);
  e.SetInsertPoint(head);
  auto* root = e.CreatePHI(i64, 2);
  root->addIncoming(h.argument(2), entry);
  llvm::Value* left = e.add(e.mul(root, e.i64(2)), e.i64(1));
  e.CreateCondBr(e.CreateICmpSLT(left, end), descend, done);
  e.SetInsertPoint(descend);
  llvm::Value* right = e.add(left, e.i64(1));
  e.CreateCondBr(e.CreateICmpSLT(right, end), two, chosen);
  e.SetInsertPoint(two);
  llvm::Value* later = e.CreateSelect(is_before(load_i64(e, order, left), load_i64(e, order, right)), right, left);
  e.CreateBr(chosen);
  e.SetInsertPoint(chosen);
  auto* child = e.CreatePHI(i64, 2);
  child->addIncoming(left, descend);
  child->addIncoming(later, two);
  llvm::Value *above = load_i64(e, order, root), *below = load_i64(e, order, child);
  e.CreateCondBr(is_before(above, below), swap, done);
  e.SetInsertPoint(swap);
  store_i64(e, below, order, root);
  store_i64(e, above, order, child);
  root->addIncoming(child, swap);
  e.CreateBr(head);
  e.SetInsertPoint(done);
  e.CreateRetVoid();
  return h.function;
}

/// for (i = first; i > last; --i) body(i - 1).
void count_down(Emitter& e, llvm::Value* first, llvm::Value* last, const std::function<void(llvm::Value*)>& body) {
  e.loop(last, first, 1, [&](llvm::Value* i) { body(e.CreateSub(e.CreateSub(e.add(first, last), e.i64(1)), i)); });
}

}  // namespace

/// Heap sort of row numbers: in place, n log n, one thread a batch of rows.
void emit_arg_sort(Frame& f, const ir::Op& op) {
  Emitter& e = f.e;
  const ir::Value* x = op.operand(0);
  const size_t rank = x->shape().size();
  Dim batches(1);
  for (size_t i = 0; i + 2 < rank; ++i) batches = batches * x->shape()[i];
  llvm::Value *rows = f.dim(x->shape()[rank - 2]), *width = f.dim(x->shape()[rank - 1]);
  llvm::Function* before = emit_before(f, x->dtype(), op.as<ir::ArgSortAttr>().descending);
  llvm::Function* sift = emit_sift(f, before);
  const auto [begin, end] = thread_share(f, f.dim(batches), 1);
  e.loop(begin, end, 1, [&](llvm::Value* batch) {
    llvm::Value* start = e.mul(batch, rows);
    llvm::Value* order = e.element_address(f.pointers.at(f.kernel.result()), ir::DType::i64, start);
    llvm::Value* data = e.element_address(f.pointers.at(x), x->dtype(), e.mul(start, width));
    e.loop(e.i64(0), rows, 1, [&](llvm::Value* i) { store_i64(e, i, order, i); });
    count_down(e, e.CreateUDiv(rows, e.i64(2)), e.i64(0),
               [&](llvm::Value* root) { e.CreateCall(sift, {data, order, root, rows, width}); });
    llvm::Value* last = e.CreateBinaryIntrinsic(llvm::Intrinsic::smax, rows, e.i64(1));
    count_down(e, last, e.i64(1), [&](llvm::Value* i) {
      llvm::Value *top = load_i64(e, order, e.i64(0)), *at = load_i64(e, order, i);
      store_i64(e, at, order, e.i64(0));
      store_i64(e, top, order, i);
      e.CreateCall(sift, {data, order, e.i64(0), i, width});
    });
  });
}

/// One thread walks over the mask: each position depends on how many were found before.
void emit_positions(Frame& f, const ir::Op& op) {
  Emitter& e = f.e;
  const ir::Value* mask = op.operand(0);
  llvm::Value* result = f.pointers.at(f.kernel.result());
  e.when(e.CreateICmpEQ(f.thread, e.i64(0)), [&] {
    llvm::Value* length = f.dim(op.as<ir::PositionsAttr>().length);
    const auto found = e.loop(
        e.i64(0), f.dim(mask->shape()[0]), 1, {e.i64(0)},
        [&](llvm::Value* i, const Emitter::Carried& carried) -> Emitter::Carried {
          llvm::Value* bit = e.CreateLoad(e.getInt8Ty(), e.element_address(f.pointers.at(mask), ir::DType::boolean, i));
          llvm::Value* wanted = e.CreateAnd(e.CreateICmpNE(bit, e.getInt8(0)), e.CreateICmpSLT(carried[0], length));
          e.when(wanted, [&] { store_i64(e, i, result, carried[0]); });
          return {e.add(carried[0], e.CreateZExt(wanted, e.getInt64Ty()))};
        });
    e.loop(found[0], length, 1, [&](llvm::Value* i) { store_i64(e, e.i64(0), result, i); });
  });
}

}  // namespace seqc::codegen
