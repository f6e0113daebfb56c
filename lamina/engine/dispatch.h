// The one door through which every op goes.
#pragma once

#include "lamina/engine/op.h"

namespace lamina {

/// Checks and infers, then records (while capturing) or runs a kernel, and notes on the tape what
/// a gradient will need. Where no backend has a kernel the decomposition runs instead.
Tensors dispatch(OpId op, Tensors inputs, const Attrs& attrs = {});

/// For ops with one output.
Tensor dispatch1(OpId op, Tensors inputs, const Attrs& attrs = {});

/// Receives ops instead of running them: graph capture, and checks that look at every result.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual Tensors record(const OpDef& def, const Tensors& inputs, const Attrs& attrs, const Metas& out) = 0;
  /// False for one that runs the ops itself and looks at the results: variables may then be assigned as in eager code.
  virtual bool symbolic() const { return true; }
};

/// The recorder of this thread, or null.
Recorder* active_recorder();
class RecorderScope {
 public:
  explicit RecorderScope(Recorder* recorder);
  ~RecorderScope();
  RecorderScope(const RecorderScope&) = delete;

 private:
  Recorder* previous_;
};

}  // namespace lamina
