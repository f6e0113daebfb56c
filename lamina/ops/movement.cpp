#include "lamina/ops/movement.h"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.h"
#include "lamina/engine/dispatch.h"
#include "lamina/engine/op_list.h"
#include "lamina/ops/create.h"
#include "lamina/ops/movement_attrs.h"
#include "lamina/ops/pointwise.h"
#include "lamina/ops/reduce.h"

namespace lamina {

namespace {

/// Strides under which the elements of m, read in row-major order, have the new shape; nothing
/// where that needs a copy.
bool strides_for(const Meta& m, const Shape& shape, Strides& strides) {
  strides = Dims::filled(shape.rank(), 1);
  if (m.numel() == 0) {
    strides = contiguous_strides(shape);
    return true;
  }
  // Runs of old axes that are contiguous among themselves are cut into new axes.
  int old_end = m.rank(), new_end = shape.rank();
  while (new_end > 0) {
    if (shape[new_end - 1] == 1) {
      --new_end;
      continue;
    }
    while (old_end > 0 && m.shape[old_end - 1] == 1) --old_end;
    const int64_t stride = m.strides[old_end - 1];
    int64_t old_count = m.shape[old_end - 1], new_count = shape[new_end - 1];
    int old_begin = old_end - 1, new_begin = new_end - 1;
    while (old_count != new_count) {
      if (new_count < old_count) {
        new_count *= shape[--new_begin];
      } else {
        --old_begin;
        if (m.shape[old_begin] != 1 && m.strides[old_begin] != stride * old_count) return false;
        old_count *= m.shape[old_begin];
      }
    }
    int64_t next = stride;
    for (int i = new_end - 1; i >= new_begin; --i) {
      strides[i] = next;
      next *= shape[i];
    }
    old_end = old_begin;
    new_end = new_begin;
  }
  return true;
}

Meta view(const Meta& of, Shape shape, Strides strides, int64_t offset) {
  Meta m(of.dtype, shape);
  m.strides = strides;
  m.offset = offset;
  return m;
}

/// Of these views there is none of channels in blocks: the layout pass makes a copy first.
void check_plain(const Meta& m, const char* op) {
  if (m.channel_block != 0) throw Error(op, "no view of " + m.str());
}

Metas infer_reshape(std::span<const Meta> in, const Attrs& a) {
  check_plain(in[0], "reshape");
  const Shape& shape = a.as<ShapeAttrs>().shape;
  Strides strides;
  if (shape.numel() != in[0].numel() || !strides_for(in[0], shape, strides)) {
    throw Error("reshape", in[0].str() + " cannot be seen as " + shape.str());
  }
  return {view(in[0], shape, strides, in[0].offset)};
}

Metas infer_permute(std::span<const Meta> in, const Attrs& a) {
  check_plain(in[0], "permute");
  Shape shape;
  Strides strides;
  for (int64_t axis : a.as<PermuteAttrs>().order) {
    shape.push_back(in[0].shape[static_cast<int>(axis)]);
    strides.push_back(in[0].strides[static_cast<int>(axis)]);
  }
  return {view(in[0], shape, strides, in[0].offset)};
}

Metas infer_expand(std::span<const Meta> in, const Attrs& a) {
  check_plain(in[0], "expand");
  const Shape& shape = a.as<ShapeAttrs>().shape;
  Strides strides = Dims::filled(shape.rank(), 0);
  const int lead = shape.rank() - in[0].rank();
  for (int i = 0; i < in[0].rank(); ++i) {
    if (in[0].shape[i] == shape[lead + i]) strides[lead + i] = in[0].strides[i];
  }
  return {view(in[0], shape, strides, in[0].offset)};
}

Metas infer_slice(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<SliceAttrs>();
  const int axis = static_cast<int>(a.axis);
  Shape shape = in[0].shape;
  Strides strides = in[0].strides;
  shape[axis] = a.size;
  const int64_t offset = in[0].offset + a.start * strides[axis];
  strides[axis] *= a.step;
  const int64_t block = in[0].channel_block;
  if (block > 0 && axis == 1 && (a.start % block != 0 || a.size % block != 0 || a.step != 1))
    check_plain(in[0], "slice");
  Meta part = view(in[0], shape, strides, offset);
  part.channel_block = block;
  return {part};
}

Metas infer_pad(std::span<const Meta> in, const Attrs& attrs) {
  const auto& a = attrs.as<PadAttrs>();
  Shape shape = in[0].shape;
  for (int i = 0; i < shape.rank(); ++i) {
    shape[i] += a.before[i] + a.after[i];
    if (shape[i] < 0) throw Error("pad", "cuts more than there is on axis " + std::to_string(i) + " of " + in[0].str());
  }
  return {Meta(in[0].dtype, shape)};
}

Metas infer_concat(std::span<const Meta> in, const Attrs& a) {
  const int axis = static_cast<int>(a.as<AxisAttrs>().axis);
  Shape shape = in[0].shape;
  for (size_t i = 1; i < in.size(); ++i) {
    Shape expected = shape;
    expected[axis] = in[i].shape.rank() == shape.rank() ? in[i].shape[axis] : -1;
    if (in[i].shape != expected) {
      throw Error("concat", "shapes must agree on every axis but " + std::to_string(axis))
          .detail(in[0].str())
          .detail(in[i].str());
    }
    shape[axis] += in[i].shape[axis];
  }
  return {Meta(in[0].dtype, shape)};
}

Metas infer_contiguous(std::span<const Meta> in, const Attrs&) { return {Meta(in[0].dtype, in[0].shape)}; }

Metas infer_arange(std::span<const Meta>, const Attrs& attrs) {
  return {Meta(attrs.as<ArangeAttrs>().dtype, {attrs.as<ArangeAttrs>().count})};
}

Tensors concat_vjp(const VjpCtx& c) {
  const int axis = static_cast<int>(c.attrs.as<AxisAttrs>().axis);
  Tensors result;
  int64_t start = 0;
  for (size_t i = 0; i < c.in.size(); ++i) {
    const int64_t extent = c.in[i].size(axis);
    result.push_back(c.needs[i] ? slice(c.grads[0], axis, start, start + extent) : Tensor());
    start += extent;
  }
  return result;
}

Tensors slice_vjp(const VjpCtx& c) {
  const auto& a = c.attrs.as<SliceAttrs>();
  const int axis = static_cast<int>(a.axis);
  const int64_t extent = c.in[0].size(axis);
  Tensor g = c.grads[0];
  if (a.step > 1 && a.size > 0) {
    // Spread the elements apart: [.., n, ..] → [.., n, step, ..], zeros behind each.
    Tensor spread = unsqueeze(g, axis + 1);
    Dims before = Dims::filled(spread.rank(), 0), after = before;
    after[axis + 1] = a.step - 1;
    spread = pad(spread, before, after);
    Shape merged = g.shape();
    merged[axis] = a.size * a.step;
    g = reshape(spread, merged);
  }
  Dims before = Dims::filled(g.rank(), 0), after = before;
  before[axis] = a.start;
  after[axis] = extent - a.start - g.size(axis);
  return {pad(g, before, after)};
}

Tensors pad_vjp(const VjpCtx& c) {
  Dims before = c.attrs.as<PadAttrs>().before, after = c.attrs.as<PadAttrs>().after;
  for (int64_t& v : before) v = -v;
  for (int64_t& v : after) v = -v;
  return {pad(c.grads[0], before, after)};
}

Tensors permute_vjp(const VjpCtx& c) {
  const Dims& order = c.attrs.as<PermuteAttrs>().order;
  Dims inverse = order;
  for (int i = 0; i < order.rank(); ++i) inverse[static_cast<int>(order[i])] = i;
  return {permute(c.grads[0], inverse)};
}

constexpr Traits kView{.view = true, .strided = true, .saves = Saves::nothing};

}  // namespace

const OpDef reshape_def{.name = "reshape",
                        .infer = infer_reshape,
                        .gradient = Vjp{[](const VjpCtx& c) { return Tensors{reshape(c.grads[0], c.in[0].shape())}; }},
                        .traits = kView,
                        .onnx = {"Reshape", 14}};
const OpDef permute_def{.name = "permute",
                        .infer = infer_permute,
                        .gradient = Vjp{permute_vjp},
                        .traits = kView,
                        .onnx = {"Transpose", 13}};
const OpDef expand_def{.name = "expand",
                       .infer = infer_expand,
                       .gradient = Vjp{[](const VjpCtx& c) { return Tensors{sum_to(c.grads[0], c.in[0].shape())}; }},
                       .traits = kView,
                       .onnx = {"Expand", 13}};
const OpDef slice_def{
    .name = "slice", .infer = infer_slice, .gradient = Vjp{slice_vjp}, .traits = kView, .onnx = {"Slice", 13}};
const OpDef pad_def{.name = "pad",
                    .infer = infer_pad,
                    .gradient = Vjp{pad_vjp},
                    .traits = {.saves = Saves::nothing},
                    .onnx = {"Pad", 13}};
const OpDef concat_def{.name = "concat",
                       .infer = infer_concat,
                       .gradient = Vjp{concat_vjp},
                       .traits = {.strided = true, .channels_in = ~0u, .channels_out = 1, .saves = Saves::nothing},
                       .onnx = {"Concat", 13}};
const OpDef contiguous_def{.name = "contiguous",
                           .infer = infer_contiguous,
                           .gradient = Vjp{[](const VjpCtx& c) { return Tensors{c.grads[0]}; }},
                           .traits = {.strided = true, .channels_in = 1, .saves = Saves::nothing},
                           .onnx = {"Identity", 13}};
const OpDef arange_def{
    .name = "arange", .infer = infer_arange, .gradient = ZeroGrad{}, .traits = {}, .onnx = {"Range", 11}};

Tensor arange(double start, double end, double step, DType dtype) {
  if (step == 0 || !std::isfinite((end - start) / step)) {
    throw Error("arange", "needs finite ends and a step other than 0").detail("step " + std::to_string(step));
  }
  const auto count = static_cast<int64_t>(std::max(0.0, std::ceil((end - start) / step)));
  return dispatch1(OpId::arange, {}, ArangeAttrs{start, step, count, dtype});
}

Tensor linspace(double start, double end, int64_t n, DType dtype) {
  if (n < 1) throw Error("linspace", "needs at least one value, got n = " + std::to_string(n));
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  return dispatch1(OpId::arange, {}, ArangeAttrs{start, step, n, dtype});
}

Tensor eye(int64_t n, DType dtype) {
  const Tensor i = arange(0, static_cast<double>(n), 1, DType::i64);
  return cast(eq(unsqueeze(i, 1), unsqueeze(i, 0)), dtype);
}

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? x : dispatch1(OpId::contiguous, {x}); }

Tensor reshape(const Tensor& x, Shape shape) {
  int64_t known = 1;
  int inferred = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] >= 0) {
      known *= shape[i];
    } else if (shape[i] == -1 && inferred < 0) {
      inferred = i;
    } else {
      throw Error("reshape", "one extent may be -1, none else negative, got " + shape.str());
    }
  }
  if (inferred >= 0 && known > 0) shape[inferred] = x.numel() / known;
  if (shape.numel() != x.numel() || (inferred >= 0 && known == 0)) {
    throw Error("reshape", x.meta().str() + " has " + std::to_string(x.numel()) + " elements, " + shape.str() +
                               " asks for another number");
  }
  if (shape == x.shape()) return x;
  Strides strides;
  return dispatch1(OpId::reshape, {strides_for(x.meta(), shape, strides) ? x : contiguous(x)}, ShapeAttrs{shape});
}

Tensor flatten(const Tensor& x, int start, int end) {
  if (x.rank() == 0) return reshape(x, {1});
  start = normalize_axis(start, x.rank(), "flatten");
  end = normalize_axis(end, x.rank(), "flatten");
  if (start > end) throw Error("flatten", "axis " + std::to_string(start) + " lies behind axis " + std::to_string(end));
  Shape shape;
  int64_t merged = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (i < start || i > end) {
      shape.push_back(x.shape()[i]);
      continue;
    }
    merged *= x.shape()[i];
    if (i == end) shape.push_back(merged);
  }
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, const Dims& order) {
  Dims axes;
  std::array<bool, Dims::kMaxRank> seen{};
  if (order.rank() != x.rank()) throw Error("permute", "order " + order.str() + " for a tensor " + x.meta().str());
  bool moves = false;
  for (int i = 0; i < order.rank(); ++i) {
    const int axis = normalize_axis(static_cast<int>(order[i]), x.rank(), "permute");
    if (seen[static_cast<size_t>(axis)]) throw Error("permute", "an axis occurs twice in " + order.str());
    seen[static_cast<size_t>(axis)] = true;
    moves = moves || axis != i;
    axes.push_back(axis);
  }
  return moves ? dispatch1(OpId::permute, {x}, PermuteAttrs{axes}) : x;
}

Tensor transpose(const Tensor& x, int a, int b) {
  Dims order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[normalize_axis(a, x.rank(), "transpose")], order[normalize_axis(b, x.rank(), "transpose")]);
  return permute(x, order);
}

Tensor squeeze(const Tensor& x, int axis) {
  axis = normalize_axis(axis, x.rank(), "squeeze");
  if (x.shape()[axis] != 1)
    throw Error("squeeze", "axis " + std::to_string(axis) + " of " + x.meta().str() + " is not 1");
  Shape shape = x.shape();
  shape.erase(axis);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, int axis) {
  axis = normalize_axis(axis, x.rank() + 1, "unsqueeze");
  Shape shape = x.shape();
  shape.insert(axis, 1);
  return reshape(x, shape);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.rank() > shape.rank() || broadcast_shapes(x.shape(), shape, "expand") != shape) {
    throw Error("expand", x.meta().str() + " does not broadcast to " + shape.str());
  }
  return dispatch1(OpId::expand, {x}, ShapeAttrs{shape});
}

Tensor slice(const Tensor& x, int axis, int64_t start, int64_t end, int64_t step) {
  axis = normalize_axis(axis, x.rank(), "slice");
  if (step < 1) throw Error("slice", "step must be 1 or more, got " + std::to_string(step));
  const int64_t extent = x.shape()[axis];
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  start = std::clamp<int64_t>(start, 0, extent);
  end = std::clamp<int64_t>(end, start, extent);
  const int64_t size = (end - start + step - 1) / step;
  if (size == extent) return x;
  return dispatch1(OpId::slice, {x}, SliceAttrs{axis, start, size, step});
}

Tensor select(const Tensor& x, int axis, int64_t index) {
  axis = normalize_axis(axis, x.rank(), "select");
  const int64_t extent = x.shape()[axis], at = index < 0 ? index + extent : index;
  if (at < 0 || at >= extent) {
    throw Error("select", "index " + std::to_string(index) + " on an axis of " + std::to_string(extent) +
                              " elements of " + x.meta().str());
  }
  return squeeze(slice(x, axis, at, at + 1), axis);
}

Tensor pad(const Tensor& x, const Dims& before, const Dims& after, double value) {
  if (before.rank() != x.rank() || after.rank() != x.rank()) {
    throw Error("pad", "needs a count before and after for each axis of " + x.meta().str());
  }
  if (std::all_of(before.begin(), before.end(), [](int64_t v) { return v == 0; }) &&
      std::all_of(after.begin(), after.end(), [](int64_t v) { return v == 0; })) {
    return x;
  }
  return dispatch1(OpId::pad, {x}, PadAttrs{before, after, value});
}

Tensor concat(const Tensors& xs, int axis) {
  if (xs.empty()) throw Error("concat", "nothing to join");
  axis = normalize_axis(axis, xs[0].rank(), "concat");
  DType dtype = xs[0].dtype();
  for (const Tensor& x : xs) dtype = promote(dtype, x.dtype());
  Tensors in;
  for (const Tensor& x : xs) in.push_back(cast(x, dtype));
  return in.size() == 1 ? in[0] : dispatch1(OpId::concat, in, AxisAttrs{axis});
}

Tensor stack(const Tensors& xs, int axis) {
  if (xs.empty()) throw Error("stack", "nothing to join");
  axis = normalize_axis(axis, xs[0].rank() + 1, "stack");
  Tensors in;
  for (const Tensor& x : xs) in.push_back(unsqueeze(x, axis));
  return concat(in, axis);
}

Tensors split(const Tensor& x, const Dims& sizes, int axis) {
  axis = normalize_axis(axis, x.rank(), "split");
  int64_t total = 0;
  for (int64_t s : sizes) total += s;
  if (total != x.shape()[axis]) {
    throw Error("split",
                "sizes " + sizes.str() + " do not add up to axis " + std::to_string(axis) + " of " + x.meta().str());
  }
  Tensors parts;
  int64_t start = 0;
  for (int64_t s : sizes) {
    parts.push_back(slice(x, axis, start, start + s));
    start += s;
  }
  return parts;
}

Tensors chunk(const Tensor& x, int64_t n, int axis) {
  axis = normalize_axis(axis, x.rank(), "chunk");
  const int64_t extent = x.shape()[axis];
  if (n < 1 || extent % n != 0) {
    throw Error("chunk", std::to_string(n) + " equal parts of axis " + std::to_string(axis) + " of " + x.meta().str());
  }
  Tensors parts;
  for (int64_t i = 0; i < n; ++i) parts.push_back(slice(x, axis, i * (extent / n), (i + 1) * (extent / n)));
  return parts;
}

}  // namespace lamina
