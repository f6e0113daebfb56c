#include "lamina/core/parallel.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "lamina/core/error.h"

namespace lamina {

namespace {

int available_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// At the end of a parallel region libgomp's threads spin for milliseconds, which on a machine with other work costs
/// whole time slices of the scheduler at every region; the time is fixed when the library is loaded. With more threads
/// than cores, though, it spins for some microseconds and then sleeps. A second team, asleep for good, makes it so.
void shorten_spinning(int cores) {
  if (cores < 2 || std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  std::thread([cores] {
    std::atomic<int> arrived{0};  // an empty region would be dropped by the compiler
#pragma omp parallel num_threads(cores)
    ++arrived;
    for (;;) pause();
  }).detach();
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> threads = [] {
    const int cores = available_cores();
    shorten_spinning(cores);
    omp_set_num_threads(cores);
    return cores;
  }();
  return threads;
}

}  // namespace

int num_threads() { return thread_setting(); }

void set_num_threads(int threads) {
  if (threads < 1) throw Error("threads", "expected 1 or more, got " + std::to_string(threads));
  thread_setting() = threads;
  omp_set_num_threads(threads);
}

void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  const int64_t chunks = (n + grain - 1) / grain;
  const auto run = [&](int64_t chunk) { body(chunk * grain, chunk + 1 == chunks ? n : (chunk + 1) * grain); };
  const int threads = num_threads();
  if (chunks == 1 || threads == 1 || omp_in_parallel()) {
    for (int64_t c = 0; c < chunks; ++c) run(c);
    return;
  }
  std::exception_ptr failure;
  std::mutex failure_mutex;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t c = 0; c < chunks; ++c) {
    try {
      run(c);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

namespace {

/// The last to arrive opens it for all, and it is closed again.
struct Barrier {
  std::atomic<int> arrived{0}, opened{0};

  void wait(int members) {
    const int before = opened.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
      arrived.store(0, std::memory_order_relaxed);
      opened.store(before + 1, std::memory_order_release);
      return;
    }
    // Some ten microseconds; after that the other one is not running, and may need this core.
    for (int spins = 0; opened.load(std::memory_order_acquire) == before; ++spins) {
      if (spins > 2000) sched_yield();
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }
};

class Member final : public TeamMember {
 public:
  Member(int index, int count, Barrier& barrier) : index_(index), count_(count), barrier_(barrier) {}
  int index() const override { return index_; }
  int count() const override { return count_; }
  void wait() override {
    if (count_ > 1) barrier_.wait(count_);
  }

 private:
  int index_, count_;
  Barrier& barrier_;
};

}  // namespace

void parallel_team(int most, const std::function<void(TeamMember&)>& body) {
  const int threads = std::min(most, num_threads());
  Barrier barrier;
  if (threads <= 1 || omp_in_parallel()) {
    Member alone(0, 1, barrier);
    return body(alone);
  }
#pragma omp parallel num_threads(threads)
  {
    Member member(omp_get_thread_num(), omp_get_num_threads(), barrier);
    body(member);
  }
}

}  // namespace lamina
