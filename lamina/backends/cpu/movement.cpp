// Copies of any strides, pad, concat, arange.
#include "lamina/backends/cpu/kernels.h"
#include "lamina/backends/cpu/tile_program.h"

namespace lamina::cpu {

KernelChoice prepare_movement(const KernelRequest& request) {
  if (request.op != OpId::contiguous) return Refusal{"no kernel yet"};
  PointwiseProgram copy;
  copy.inputs = {request.in[0].dtype};
  copy.outputs = {0};
  return prepare_fused(copy, request.in, request.out);
}

}  // namespace lamina::cpu
