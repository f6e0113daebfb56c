// Channels in blocks, for kernels that need not know of them: [n, channels/block, spatial…, block] is
// an ordinary strided tensor of one more axis, and for pooling a channels-last one of more images.
#include <algorithm>

#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/layout.h"
#include "lamina/ops/movement_attrs.h"
#include "lamina/ops/pool_attrs.h"
#include "lamina/ops/reduce_attrs.h"

namespace lamina::cpu {

namespace {

int64_t block_of(std::span<const Meta> in, std::span<const Meta> out) {
  for (const auto& metas : {in, out}) {
    for (const Meta& m : metas) {
      if (m.channel_block != 0) return m.channel_block;
    }
  }
  return 0;
}

bool can_split(const Meta& m, int64_t block) {
  return m.rank() >= 2 && m.rank() < Dims::kMaxRank && m.shape[1] % block == 0 &&
         (m.channel_block == 0 || m.channel_block == block);
}

/// All of them with one more axis; empty where that is impossible.
Metas split_all(std::span<const Meta> metas, int64_t block) {
  Metas split;
  for (const Meta& m : metas) {
    if (!can_split(m, block)) return {};
    split.push_back(split_channels(m, block));
  }
  return split;
}

/// Several images and channels: a block's channels next to each other, the blocks as further images.
Meta as_channels_last(const Meta& m, int64_t block) {
  Shape shape = m.shape;
  shape[0] *= m.shape[1] / block;
  shape[1] = block;
  Meta merged(m.dtype, shape);
  merged.strides = dense_strides(shape, Layout::channels_last);
  return merged;
}

template <class A>
KernelChoice prepare_pool(const KernelRequest& r, Prepare prepare, int64_t block) {
  Metas in, out;
  for (const Meta& m : r.in) in.push_back(as_channels_last(m, block));
  for (const Meta& m : r.out) out.push_back(as_channels_last(m, block));
  for (const auto& metas : {r.in, r.out}) {
    for (const Meta& m : metas) {
      if (!m.is_dense_blocked()) return Refusal{"images of different layouts"};
    }
  }
  A attrs = r.attrs.as<A>();
  if (!attrs.input.empty()) attrs.input = as_channels_last(Meta(DType::f32, attrs.input), block).shape;
  return prepare({r.op, in, out, attrs});
}

/// A sum over axes keeps them, but the channel axis is two now.
KernelChoice prepare_sum(const KernelRequest& r, Prepare prepare, int64_t block) {
  if (!can_split(r.in[0], block)) return Refusal{"channels that do not divide into blocks"};
  const Meta in = split_channels(r.in[0], block);
  const auto& a = r.attrs.as<ReduceAttrs>();
  std::array<bool, Dims::kMaxRank> reduced{};
  for (int64_t axis : a.axes) reduced[static_cast<size_t>(axis)] = true;
  // The strides of the result by axis of the input, then the kept ones in the order of the split input.
  Strides to = Dims::filled(r.in[0].rank(), 0);
  for (int i = 0, next = 0; i < r.in[0].rank(); ++i) {
    if (!reduced[static_cast<size_t>(i)]) to[i] = r.out[0].strides[next];
    if (!reduced[static_cast<size_t>(i)] || a.keepdim) ++next;
  }
  ReduceAttrs attrs;
  Shape shape;
  Strides strides;
  for (int i = 0; i < in.rank(); ++i) {
    const bool inner = i == r.in[0].rank();
    const int axis = inner ? 1 : i;
    if (reduced[static_cast<size_t>(axis)]) {
      attrs.axes.push_back(i);
      continue;
    }
    shape.push_back(in.shape[i]);
    strides.push_back(axis == 1 && !inner ? to[1] * block : to[axis]);
  }
  Meta out(r.out[0].dtype, shape);
  out.strides = strides;
  return prepare({r.op, {&in, 1}, {&out, 1}, attrs});
}

}  // namespace

KernelChoice prepare_blocked(const KernelRequest& r, Prepare prepare) {
  const int64_t block = block_of(r.in, r.out);
  switch (r.op) {
    case OpId::conv:
    case OpId::conv_input_grad:
    case OpId::conv_weight_grad:
    case OpId::batch_norm:
    case OpId::batch_norm_backward:
    case OpId::local_response_norm:
      return prepare(r);
    case OpId::max_pool:
    case OpId::max_pool_backward:
    case OpId::avg_pool:
    case OpId::avg_pool_backward:
      return prepare_pool<PoolAttrs>(r, prepare, block);
    case OpId::adaptive_avg_pool:
    case OpId::adaptive_avg_pool_backward:
      return prepare_pool<AdaptivePoolAttrs>(r, prepare, block);
    case OpId::sum:
      return prepare_sum(r, prepare, block);
    case OpId::concat: {
      for (const auto& metas : {r.in, r.out}) {
        for (const Meta& m : metas) {
          if (m.channel_block != block) return Refusal{"images of different layouts"};
        }
      }
      break;
    }
    default:
      if (!op_def(r.op).traits.pointwise && r.op != OpId::contiguous)
        return Refusal{"no kernel for channels in blocks"};
  }
  const Metas in = split_all(r.in, block), out = split_all(r.out, block);
  if (in.size() != r.in.size() || out.empty()) return Refusal{"channels that do not divide into blocks"};
  return prepare({r.op, in, out, r.attrs});
}

KernelChoice prepare_fused_blocked(const PointwiseProgram& program, std::span<const Meta> in,
                                   std::span<const Meta> out) {
  const int64_t block = block_of(in, out);
  const Metas split_in = split_all(in, block), split_out = split_all(out, block);
  if (split_in.size() != in.size() || split_out.empty()) return Refusal{"channels that do not divide into blocks"};
  return prepare_fused(program, split_in, split_out);
}

}  // namespace lamina::cpu
