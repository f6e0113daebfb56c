// What a person watching sees.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "lamina/train/callbacks.h"
#include "lamina/train/trainer.h"

namespace lamina::train {

namespace {

constexpr double kRedrawSeconds = 0.1, kLineSeconds = 30;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// "8.4k".
std::string short_number(double n) {
  char text[32];
  if (n >= 1e6)
    std::snprintf(text, sizeof text, "%.1fM", n / 1e6);
  else if (n >= 1e3)
    std::snprintf(text, sizeof text, "%.1fk", n / 1e3);
  else
    std::snprintf(text, sizeof text, "%.0f", n);
  return text;
}

std::string cut(const std::string& text, size_t width) {
  size_t cells = 0, end = 0;
  for (; end < text.size(); ++end) {
    if ((text[end] & 0xC0) != 0x80 && cells++ == width) break;
  }
  return text.substr(0, end);
}

size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

class ProgressBar final : public Callback {
 public:
  std::string name() const override { return "show_progress"; }

  void on_start(Trainer& t) override {
    terminal_ = isatty(STDERR_FILENO) != 0;
    started_ = last_ = epoch_started_ = now();
    examples_before_ = t.progress().examples;
    first_step_ = t.progress().step;
    if (first_step_ > 0)
      say("going on after step " + std::to_string(first_step_) + " (epoch " + std::to_string(t.progress().epoch + 1) +
          ")");
  }

  void on_epoch_start(Trainer&) override {
    epoch_started_ = now();
    examples_before_ = 0;
  }

  void on_step(Trainer& t) override {
    const double time = now();
    if (time - last_ < (terminal_ ? kRedrawSeconds : kLineSeconds)) return;
    last_ = time;
    if (terminal_)
      draw(bar(t));
    else
      say(status(t));
  }

  void on_epoch_end(Trainer& t) override {
    const Progress& p = t.progress();
    const double seconds = now() - epoch_started_;
    say(epoch_text(p) + "  " + values_text(p.values) + "  " + clock_text(seconds));
    last_ = now();
  }

  void on_end(Trainer&) override { erase(); }

 private:
  static std::string epoch_text(const Progress& p) {
    const std::string epochs = std::to_string(p.epochs), epoch = std::to_string(p.epoch + 1);
    return "epoch " + std::string(epochs.size() - std::min(epochs.size(), epoch.size()), ' ') + epoch + "/" + epochs;
  }

  /// "loss 0.0412  validation loss 0.05, accuracy 0.987".
  static std::string values_text(const std::map<std::string, double>& values) {
    std::string text, validation;
    for (const auto& [key, value] : values) {
      if (key == "lr" || key == "seconds") continue;
      if (key.starts_with("validation/"))
        validation += (validation.empty() ? "" : ", ") + key.substr(11) + " " + value_text(value);
      else
        text += (text.empty() ? "" : "  ") + key + " " + value_text(value);
    }
    return validation.empty() ? text : text + "  validation " + validation;
  }

  /// Examples per second in this epoch, and seconds left of the whole run.
  std::pair<double, double> pace(const Progress& p) const {
    const double time = now();
    const double steps = static_cast<double>(p.step - first_step_), all = static_cast<double>(p.epochs * p.batches);
    const double left = (time - started_) / std::max(1.0, steps) * std::max(0.0, all - static_cast<double>(p.step));
    return {static_cast<double>(p.examples - examples_before_) / std::max(1e-9, time - epoch_started_), left};
  }

  std::string status(Trainer& t) const {
    const Progress& p = t.progress();
    const auto [rate, left] = pace(p);
    return epoch_text(p) + "  " + std::to_string(p.batch) + "/" + std::to_string(p.batches) + "  " +
           short_number(rate) + "/s  " + clock_text(left) + " left  " + values_text(p.values);
  }

  std::string bar(Trainer& t) const {
    constexpr size_t kCells = 24;
    const Progress& p = t.progress();
    const auto full = static_cast<size_t>(static_cast<double>(kCells) * static_cast<double>(p.batch) /
                                          static_cast<double>(std::max<int64_t>(1, p.batches)));
    std::string cells;
    for (size_t i = 0; i < kCells; ++i) cells += i < full ? "━" : "·";
    const auto [rate, left] = pace(p);
    return epoch_text(p) + " " + cells + " " + std::to_string(p.batch) + "/" + std::to_string(p.batches) + "  " +
           short_number(rate) + "/s  " + clock_text(left) + " left  " + values_text(p.values);
  }

  void draw(const std::string& text) {
    std::fprintf(stderr, "\r%s\x1b[K", cut(text, terminal_columns() - 1).c_str());
    std::fflush(stderr);
    drawn_ = true;
  }

  void erase() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
  }

  void say(const std::string& text) {
    erase();
    std::fprintf(stderr, "%s\n", text.c_str());
    std::fflush(stderr);
  }

  bool terminal_ = false, drawn_ = false;
  double started_ = 0, epoch_started_ = 0, last_ = 0;
  int64_t first_step_ = 0, examples_before_ = 0;
};

}  // namespace

CallbackPtr show_progress() { return std::make_shared<ProgressBar>(); }

}  // namespace lamina::train
