// Parallel loops on the one pool of threads of the process.
#pragma once

#include <cstdint>
#include <functional>

namespace lamina {

/// Threads used by kernels. Default: the number of cores the process may run on.
int num_threads();
/// Sets it; throws Error below 1.
void set_num_threads(int threads);

/// Calls body(begin, end) over [0, n) in chunks of `grain` elements (the last may be shorter). Runs inline where
/// n <= grain, inside another parallel loop, and while another thread runs one. Which thread takes which chunk is not
/// fixed. The split into chunks depends on n and grain
/// alone, never on the number of threads, so chunk-wise reductions give the same bits on any machine.
void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

/// The pool's threads, which wait for the next loop for a while, sleep at once: before code with threads of its own.
void release_threads();

/// A member of a team of threads that run the same function at once and wait for each other in it.
class TeamMember {
 public:
  virtual ~TeamMember() = default;
  virtual int index() const = 0;
  virtual int count() const = 0;
  /// Returns when all members have called it as often as this one. Spins for a while: for loops of short steps.
  virtual void wait() = 0;
};

/// Calls body once on each of up to `most` threads (fewer where there are fewer, one inside of another parallel
/// region). The body must not throw, and all members must wait equally often.
void parallel_team(int most, const std::function<void(TeamMember&)>& body);

}  // namespace lamina
