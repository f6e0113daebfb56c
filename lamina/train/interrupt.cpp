#include "lamina/train/interrupt_internal.h"

namespace lamina::train {

namespace {

volatile std::sig_atomic_t received = 0;

void on_signal(int signal) {
  if (received) {
    std::signal(signal, SIG_DFL);
    raise(signal);
    return;
  }
  received = signal;
}

}  // namespace

InterruptScope::InterruptScope(bool enabled) : enabled_(enabled) {
  received = 0;
  if (!enabled_) return;
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_int_);
  sigaction(SIGTERM, &action, &previous_term_);
}

InterruptScope::~InterruptScope() {
  if (!enabled_) return;
  sigaction(SIGINT, &previous_int_, nullptr);
  sigaction(SIGTERM, &previous_term_, nullptr);
}

const char* InterruptScope::requested() { return received == 0 ? nullptr : received == SIGINT ? "Ctrl-C" : "SIGTERM"; }

}  // namespace lamina::train
