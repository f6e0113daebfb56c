#include "lamina/core/parallel.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lamina/core/error.h"

namespace lamina {

namespace {

int available_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// At the end of a parallel region libgomp's threads, on which oneDNN runs, spin for milliseconds, which on a machine
/// with other work costs whole time slices of the scheduler at every region; the time is fixed when the library is
/// loaded. With more threads than cores, though, it spins for some microseconds and then sleeps. A second team, asleep
/// for good, makes it so.
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

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waiting in three stages: with the core held, which is the quickest to wake from; giving the core to whoever wants
/// it; asleep. Between the kernels of a step the first two are enough, and a busy neighbour loses little to them.
class Patience {
 public:
  /// False when it is time to sleep.
  bool wait() {
    if (++turns_ % 64 != 0) {
      relax();
      return true;
    }
    const auto waited = std::chrono::steady_clock::now() - start_;
    if (waited > kHolding) sched_yield();
    return waited < kAwake;
  }

 private:
  static constexpr std::chrono::microseconds kHolding{20}, kAwake{200};
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int turns_ = 0;
};

thread_local bool inside_job = false;

class InsideJob {
 public:
  InsideJob() : before_(inside_job) { inside_job = true; }
  ~InsideJob() { inside_job = before_; }

 private:
  bool before_;
};

/// The threads of the process besides its own. One job at a time; who comes to a job late, or not at all because it
/// slept, finds that others have done the work: the end of a job waits for those at work only.
class Pool {
 public:
  /// Part number `part` of the job, by thread number `thread` (0: the caller).
  using Part = std::function<void(int64_t part, int thread)>;

  /// Runs all parts on up to `threads` threads. `each`: one part per thread, the parts wait for each other. False where
  /// another thread uses the pool.
  bool run(int64_t parts, int threads, bool each, const Part& body) {
    const std::unique_lock busy(mutex_, std::try_to_lock);
    if (!busy.owns_lock()) return false;
    grow(threads - 1);
    parts_ = parts;
    threads_ = threads;
    each_ = each;
    body_ = &body;
    failure_ = nullptr;
    next_.store(0, std::memory_order_relaxed);
    joined_.store(0, std::memory_order_relaxed);
    turn_.fetch_add(1);  // odd: open
    turn_.notify_all();
    work(0);
    if (each) {
      Patience patience;
      while (joined_.load(std::memory_order_acquire) != threads) {
        if (!patience.wait()) sched_yield();
      }
    }
    turn_.fetch_add(1);  // even: closed
    Patience patience;
    while (at_work_.load() != 0) {
      if (!patience.wait()) sched_yield();
    }
    if (failure_) std::rethrow_exception(failure_);
    return true;
  }

  void rest() { resting_.store(true, std::memory_order_relaxed); }

 private:
  void grow(int workers) {
    while (static_cast<int>(workers_.size()) < workers) {
      workers_.emplace_back([this, number = static_cast<int>(workers_.size()) + 1] { serve(number); });
      workers_.back().detach();
    }
  }

  void serve(int number) {
    inside_job = true;  // what a part calls runs on this thread alone
    uint32_t done = 0;  // the last turn in which this thread has worked
    for (;;) {
      await(done);
      // Either this thread sees that the job is closed, or the caller sees this thread at work.
      at_work_.fetch_add(1);
      const uint32_t turn = turn_.load();
      if (turn % 2 == 1 && turn != done) {
        done = turn;
        if (number < threads_) work(number);
      }
      at_work_.fetch_sub(1);
    }
  }

  /// Until a job is open that this thread has not seen.
  void await(uint32_t done) {
    resting_.store(false, std::memory_order_relaxed);
    Patience patience;
    for (;;) {
      const uint32_t turn = turn_.load(std::memory_order_acquire);
      if (turn % 2 == 1 && turn != done) return;
      if (patience.wait() && !resting_.load(std::memory_order_relaxed)) continue;
      turn_.wait(turn);
      patience = {};
    }
  }

  void work(int thread) {
    const InsideJob inside;
    if (each_) {
      attempt(thread, thread);
      joined_.fetch_add(1, std::memory_order_release);
      return;
    }
    for (int64_t i = next_.fetch_add(1); i < parts_; i = next_.fetch_add(1)) attempt(i, thread);
  }

  void attempt(int64_t part, int thread) {
    try {
      (*body_)(part, thread);
    } catch (...) {
      const std::lock_guard lock(failure_mutex_);
      failure_ = std::current_exception();
    }
  }

  std::mutex mutex_, failure_mutex_;
  std::vector<std::thread> workers_;
  int64_t parts_ = 0;
  int threads_ = 1;
  bool each_ = false;
  const Part* body_ = nullptr;
  std::exception_ptr failure_;
  alignas(64) std::atomic<uint32_t> turn_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<int> at_work_{0}, joined_{0};
  std::atomic<bool> resting_{false};
};

/// Never destroyed: its threads run until the process ends.
Pool& pool() {
  static Pool& the_pool = *new Pool;
  return the_pool;
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
  const auto run = [&](int64_t chunk, int) { body(chunk * grain, chunk + 1 == chunks ? n : (chunk + 1) * grain); };
  const auto threads = static_cast<int>(std::min<int64_t>(num_threads(), chunks));
  if (threads > 1 && !inside_job && pool().run(chunks, threads, false, run)) return;
  for (int64_t c = 0; c < chunks; ++c) run(c, 0);
}

void release_threads() { pool().rest(); }

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
      relax();
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
  const auto run = [&](int64_t, int thread) {
    Member member(thread, threads, barrier);
    body(member);
  };
  if (threads > 1 && !inside_job && pool().run(threads, threads, true, run)) return;
  Member alone(0, 1, barrier);
  body(alone);
}

}  // namespace lamina
