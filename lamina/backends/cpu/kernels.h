// The families of CPU kernels. Each prepares a kernel for one call, or says why it has none.
#pragma once

#include "lamina/engine/backend.h"

namespace lamina::cpu {

// Heavy products and what surrounds them in vision networks.
KernelChoice prepare_matmul(const KernelRequest& request);
KernelChoice prepare_conv(const KernelRequest& request);
KernelChoice prepare_conv_input_grad(const KernelRequest& request);
KernelChoice prepare_conv_weight_grad(const KernelRequest& request);
/// In blocks of how many channels a convolution (or its input gradient) would like its images; 0: row-major.
int64_t preferred_conv_block(const KernelRequest& request);
KernelChoice prepare_max_pool(const KernelRequest& request);
KernelChoice prepare_max_pool_backward(const KernelRequest& request);
KernelChoice prepare_avg_pool(const KernelRequest& request);
KernelChoice prepare_avg_pool_backward(const KernelRequest& request);
KernelChoice prepare_batch_norm(const KernelRequest& request);
KernelChoice prepare_batch_norm_backward(const KernelRequest& request);
KernelChoice prepare_response_norm(const KernelRequest& request);
KernelChoice prepare_layer_norm(const KernelRequest& request);
KernelChoice prepare_layer_norm_backward(const KernelRequest& request);

// Recurrent sequences.
KernelChoice prepare_recurrent(const KernelRequest& request);
KernelChoice prepare_recurrent_backward(const KernelRequest& request);
KernelChoice prepare_ctc(const KernelRequest& request);

// Elementwise work, movement and reductions.
KernelChoice prepare_pointwise(const KernelRequest& request);
KernelChoice prepare_fused(const PointwiseProgram& program, std::span<const Meta> in, std::span<const Meta> out);
KernelChoice prepare_reduce(const KernelRequest& request);
KernelChoice prepare_movement(const KernelRequest& request);
KernelChoice prepare_index(const KernelRequest& request);
KernelChoice prepare_random(const KernelRequest& request);
KernelChoice prepare_softmax(const KernelRequest& request);

/// Kernels for images whose channels lie in blocks (Meta::channel_block): by a view that the op's own kernels know.
using Prepare = KernelChoice (*)(const KernelRequest&);
KernelChoice prepare_blocked(const KernelRequest& request, Prepare prepare);
KernelChoice prepare_fused_blocked(const PointwiseProgram& program, std::span<const Meta> in,
                                   std::span<const Meta> out);

}  // namespace lamina::cpu
