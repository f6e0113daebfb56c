#include "lamina/ops/index.h"

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/grad.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/index_attrs.h"
#include "lamina/ops/movement.h"
#include "lamina/ops/pointwise.h"

namespace lamina {

namespace {

int axis_of(const Attrs& a) { return static_cast<int>(a.as<IndexAttrs>().axis); }

void check_index(const Meta& index, const char* op) {
  if (index.dtype != DType::i64 && index.dtype != DType::i32)
    throw Error(op, "an index must be i64 or i32, got " + index.str());
}

void check_gather(const Meta& x, const Meta& index, int axis, const char* op) {
  check_index(index, op);
  bool fits = x.rank() == index.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || index.shape[i] <= x.shape[i];
  if (!fits) {
    throw Error(op, "index must have the rank of x and no larger extents off axis " + std::to_string(axis))
        .detail("x     " + x.str())
        .detail("index " + index.str());
  }
}

Metas infer_gather(std::span<const Meta> in, const Attrs& a) {
  check_gather(in[0], in[1], axis_of(a), "gather");
  return {Meta(in[0].dtype, in[1].shape)};
}

Metas infer_scatter_add(std::span<const Meta> in, const Attrs& a) {
  check_gather(in[0], in[1], axis_of(a), "scatter_add");
  if (in[2].shape != in[1].shape)
    throw Error("scatter_add", "source and index differ in shape").detail(in[2].str()).detail(in[1].str());
  return {Meta(in[0].dtype, in[0].shape)};
}

Metas infer_index_select(std::span<const Meta> in, const Attrs& a) {
  check_index(in[1], "index_select");
  if (in[1].rank() != 1) throw Error("index_select", "index must be a vector, got " + in[1].str());
  Shape shape = in[0].shape;
  shape[axis_of(a)] = in[1].shape[0];
  return {Meta(in[0].dtype, shape)};
}

Metas infer_index_add(std::span<const Meta> in, const Attrs& a) {
  const Metas expected = infer_index_select(in.subspan(0, 2), a);
  if (in[2].shape != expected[0].shape) {
    throw Error("index_add", "source must have shape " + expected[0].shape.str() + ", got " + in[2].str());
  }
  return {Meta(in[0].dtype, in[0].shape)};
}

Metas infer_one_hot(std::span<const Meta> in, const Attrs& attrs) {
  check_index(in[0], "one_hot");
  const auto& a = attrs.as<OneHotAttrs>();
  Shape shape = in[0].shape;
  shape.push_back(a.classes);
  return {Meta(a.dtype, shape)};
}

Metas infer_sort(std::span<const Meta> in, const Attrs&) {
  return {Meta(in[0].dtype, in[0].shape), Meta(DType::i64, in[0].shape)};
}

Tensor zeros_of(const Tensor& like) { return zeros(like.shape(), like.dtype()); }

}  // namespace

const OpDef gather_def{.name = "gather",
                       .infer = infer_gather,
                       .gradient = Vjp{[](const VjpCtx& c) {
                         return Tensors{scatter_add(zeros_of(c.in[0]), axis_of(c.attrs), c.in[1], c.grads[0]), {}};
                       }},
                       .traits = {.saves = Saves::inputs},
                       .onnx = {"GatherElements", 13}};
const OpDef scatter_add_def{
    .name = "scatter_add",
    .infer = infer_scatter_add,
    .gradient = Vjp{[](const VjpCtx& c) {
      return Tensors{c.grads[0], {}, c.needs[2] ? gather(c.grads[0], axis_of(c.attrs), c.in[1]) : Tensor()};
    }},
    .traits = {.saves = Saves::inputs},
    .onnx = {"ScatterElements", 16}};
const OpDef index_select_def{.name = "index_select",
                             .infer = infer_index_select,
                             .gradient = Vjp{[](const VjpCtx& c) {
                               return Tensors{index_add(zeros_of(c.in[0]), axis_of(c.attrs), c.in[1], c.grads[0]), {}};
                             }},
                             .traits = {.saves = Saves::inputs},
                             .onnx = {"Gather", 13}};
const OpDef index_add_def{
    .name = "index_add",
    .infer = infer_index_add,
    .gradient = Vjp{[](const VjpCtx& c) {
      return Tensors{c.grads[0], {}, c.needs[2] ? index_select(c.grads[0], axis_of(c.attrs), c.in[1]) : Tensor()};
    }},
    .traits = {.saves = Saves::inputs}};
const OpDef one_hot_def{.name = "one_hot", .infer = infer_one_hot, .gradient = ZeroGrad{}, .onnx = {"OneHot", 11}};
const OpDef sort_def{.name = "sort",
                     .infer = infer_sort,
                     .gradient = Vjp{[](const VjpCtx& c) {
                       const int axis = static_cast<int>(c.attrs.as<SortAttrs>().axis);
                       return Tensors{scatter_add(zeros_of(c.in[0]), axis, c.out[1], c.grad(0))};
                     }},
                     .traits = {.saves = Saves::outputs}};

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  return dispatch1(OpId::gather, {x, index}, IndexAttrs{normalize_axis(axis, x.rank(), "gather")});
}
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  return dispatch1(OpId::scatter_add, {x, index, cast(source, x.dtype())},
                   IndexAttrs{normalize_axis(axis, x.rank(), "scatter_add")});
}
Tensor index_select(const Tensor& x, int axis, const Tensor& index) {
  return dispatch1(OpId::index_select, {x, index}, IndexAttrs{normalize_axis(axis, x.rank(), "index_select")});
}
Tensor index_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  return dispatch1(OpId::index_add, {x, index, cast(source, x.dtype())},
                   IndexAttrs{normalize_axis(axis, x.rank(), "index_add")});
}

Tensor embedding(const Tensor& weight, const Tensor& ids, int64_t padding_id) {
  if (weight.rank() != 2) throw Error("embedding", "weight must be [rows, dim], got " + weight.meta().str());
  const Tensor flat = reshape(ids, {-1});
  Tensor rows = index_select(weight, 0, flat);
  if (padding_id >= 0) {
    const Tensor real = cast(ne(flat, static_cast<double>(padding_id)), weight.dtype());
    // Values stay those of the row; only the gradient of padding is cut.
    const Tensor keep = unsqueeze(real, 1);
    rows = rows * keep + stop_gradient(rows) * (1.0 - keep);
  }
  Shape shape = ids.shape();
  shape.push_back(weight.size(1));
  return reshape(rows, shape);
}

Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype) {
  if (classes < 1) throw Error("one_hot", "needs one class or more, got " + std::to_string(classes));
  return dispatch1(OpId::one_hot, {ids}, OneHotAttrs{classes, dtype});
}

std::pair<Tensor, Tensor> sort(const Tensor& x, int axis, bool descending) {
  const Tensors out = dispatch(OpId::sort, {x}, SortAttrs{normalize_axis(axis, x.rank(), "sort"), descending});
  return {out[0], out[1]};
}

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int axis, bool largest) {
  if (k < 1 || k > x.size(axis)) {
    throw Error("topk", "k = " + std::to_string(k) + " of " + std::to_string(x.size(axis)) + " elements");
  }
  const auto [values, indices] = sort(x, axis, largest);
  return {slice(values, axis, 0, k), slice(indices, axis, 0, k)};
}

}  // namespace lamina
