// Ctrl-C and SIGTERM while training: the first asks to stop after the step, the second ends the process at once.
#pragma once

#include <csignal>

namespace lamina::train {

/// Catches both signals while it lives; restores what was there before.
class InterruptScope {
 public:
  explicit InterruptScope(bool enabled);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;

  /// "Ctrl-C", "SIGTERM"; null where none came.
  static const char* requested();

 private:
  bool enabled_;
  struct sigaction previous_int_{}, previous_term_{};
};

}  // namespace lamina::train
