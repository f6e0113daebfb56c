#include "lamina/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "lamina/core/error.h"
#include "lamina/core/philox.h"
#include "lamina/data/collate_internal.h"
#include "lamina/data/pool.h"
#include "lamina/data/rows_internal.h"

namespace lamina::data {

namespace {

std::vector<int64_t> epoch_order(int64_t n, bool shuffle, int64_t seed, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!shuffle) return order;
  Philox random(static_cast<uint64_t>(seed), static_cast<uint64_t>(epoch) ^ 0x6f72646572ULL << 20);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

/// Sorts `sort` batches' worth of a shuffled order at a time by length, and shuffles the whole batches again.
void sort_by_length(std::vector<int64_t>& order, const std::vector<int64_t>& lengths, int64_t sort, int64_t batch,
                    int64_t seed, int64_t epoch) {
  const size_t chunk = static_cast<size_t>(sort * batch), size = static_cast<size_t>(batch);
  for (size_t begin = 0; begin < order.size(); begin += chunk) {
    const auto from = order.begin() + static_cast<ptrdiff_t>(begin);
    std::stable_sort(
        from, from + static_cast<ptrdiff_t>(std::min(chunk, order.size() - begin)),
        [&](int64_t a, int64_t b) { return lengths[static_cast<size_t>(a)] < lengths[static_cast<size_t>(b)]; });
  }
  Philox random(static_cast<uint64_t>(seed), static_cast<uint64_t>(epoch) ^ 0x6275636b657473ULL << 8);
  for (size_t i = order.size() / size; i > 1; --i) {
    const size_t other = random.below(i) * size, last = (i - 1) * size;
    if (other == last) continue;
    std::swap_ranges(order.begin() + static_cast<ptrdiff_t>(last), order.begin() + static_cast<ptrdiff_t>(last + size),
                     order.begin() + static_cast<ptrdiff_t>(other));
  }
}

}  // namespace

/// Workers take the next batch number, prepare that batch and leave it in slot (number mod prefetch); next() takes the
/// slots in order. A number is only given out while its slot is free, which bounds the memory.
struct Loader::Impl {
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  Impl(DatasetPtr s, Transforms t, LoaderOptions o) : set(std::move(s)), transforms(std::move(t)), options(o) {
    if (!set) throw Error("loader", "there is no data set");
    const auto at_least = [](const char* name, int64_t value, int64_t least) {
      if (value >= least) return;
      throw Error("loader", std::string(name) + ": expected at least " + std::to_string(least) + ", got " +
                                std::to_string(value));
    };
    at_least("batch", options.batch, 1);
    at_least("workers", options.workers, 0);
    at_least("prefetch", options.prefetch, 1);
    const int64_t n = set->size();
    batches = options.drop_last ? n / options.batch : (n + options.batch - 1) / options.batch;
    sequences = sequences_of(transforms, set->info());
    for (size_t k = 0; k < transforms.size(); ++k) {
      if (!transforms[k]->works_on_batches() || (sequences && !transforms[k]->changes_batches())) alone = k + 1;
    }
    if (sequences && options.shuffle && sequences->sort > 0) {
      for (int64_t i = 0; i < n; ++i) lengths.push_back(set->length_of(i));
    }
    for (size_t k = 0; k < alone; ++k) {
      if (!transforms[k]->changes_batches()) continue;
      throw Error("transforms", transforms[k]->name() + " joins the examples of a batch, so " +
                                    transforms[alone - 1]->name() + " cannot come after it")
          .hint("put " + transforms[k]->name() + " last");
    }
    views = views_of(transforms);
    slots.resize(static_cast<size_t>(options.prefetch));
    for (int64_t w = 0; w < options.workers; ++w) threads.emplace_back([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    room.notify_all();
    for (std::thread& t : threads) t.join();
  }

  void start(int64_t new_epoch, int64_t first) {
    if (new_epoch < 0 || first < 0 || first > batches) {
      throw Error("loader", "cannot begin epoch " + std::to_string(new_epoch) + " at batch " + std::to_string(first) +
                                " of " + std::to_string(batches));
    }
    auto fresh =
        std::make_shared<std::vector<int64_t>>(epoch_order(set->size(), options.shuffle, options.seed, new_epoch));
    if (!lengths.empty()) {
      sort_by_length(*fresh, lengths, sequences->sort, options.batch, options.seed, new_epoch);
    }
    {
      const std::lock_guard lock(mutex);
      ++generation;  // what workers still prepare of the old epoch is thrown away
      order = std::move(fresh);
      epoch = new_epoch;
      to_give = to_take = first;
      waited = 0;
      for (Slot& s : slots) s = {};
    }
    room.notify_all();
  }

  bool next(Batch& out) {
    out.clear();  // before waiting, so that its buffers are free again
    std::unique_lock lock(mutex);
    if (!order) throw Error("loader", "start() comes before next()");
    if (to_take >= batches) return false;
    if (threads.empty()) {
      out = prepare(*order, epoch, to_take, own_pool);
      ++to_take;
      return true;
    }
    Slot& slot = slots[static_cast<size_t>(to_take % options.prefetch)];
    const auto filled = [&] { return slot.batch || slot.error; };
    if (!filled()) {
      const auto begin = std::chrono::steady_clock::now();
      ready.wait(lock, filled);
      waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    const std::exception_ptr error = slot.error;
    if (!error) out = std::move(*slot.batch);
    slot = {};
    ++to_take;
    lock.unlock();
    room.notify_one();
    if (error) std::rethrow_exception(error);
    return true;
  }

  void work() {
    TensorPool pool(static_cast<size_t>(options.prefetch) * 4 + 4);
    std::unique_lock lock(mutex);
    for (;;) {
      room.wait(lock, [&] { return stopping || (order && to_give < std::min(batches, to_take + options.prefetch)); });
      if (stopping) return;
      const int64_t number = to_give++, of_epoch = epoch;
      const uint64_t of_generation = generation;
      const std::shared_ptr<const std::vector<int64_t>> of_order = order;
      lock.unlock();
      Slot result;
      try {
        result.batch = prepare(*of_order, of_epoch, number, pool);
      } catch (...) {
        result.error = std::current_exception();
      }
      lock.lock();
      if (of_generation != generation) continue;
      slots[static_cast<size_t>(number % options.prefetch)] = std::move(result);
      if (number == to_take) ready.notify_one();
    }
  }

  Batch prepare(const std::vector<int64_t>& of_order, int64_t of_epoch, int64_t number, TensorPool& pool) const {
    const int64_t begin = number * options.batch, end = std::min(begin + options.batch, set->size());
    const std::span indices(of_order.data() + begin, static_cast<size_t>(end - begin));
    Batch batch;
    if (sequences || alone > 0 || !set->gather(indices, batch, pool)) {
      std::vector<Example> examples;
      for (const int64_t i : indices) examples.push_back(prepare_one(i, of_epoch, alone));
      batch = collate_in(examples, sequences ? &*sequences : nullptr, pool);
      if (!sequences && batch.size() != examples[0].size()) {  // padded: zeros are to stay zeros
        for (size_t k = 0; k < examples.size(); ++k) examples[k] = prepare_one(indices[k], of_epoch, transforms.size());
        return collate_in(examples, nullptr, pool);
      }
    }
    if (views > 1) join_views(batch);
    for (size_t k = alone; k < transforms.size(); ++k) {
      if (transforms[k]->changes_batches()) {
        change_batch(*transforms[k], k, batch, options.seed, of_epoch, number, pool);
      } else {
        transforms[k]->apply_batch(batch, pool);
      }
    }
    return batch;
  }

  /// [n, views, …] → [n · views, …].
  void join_views(Batch& batch) const {
    Shape shape = batch.at(0).shape();
    shape[1] *= shape[0];
    shape.erase(0);
    batch[0] = reshaped(batch[0], shape);
  }

  /// An example after the first `count` transforms.
  Example prepare_one(int64_t index, int64_t of_epoch, size_t count) const {
    try {
      return apply_all(std::span(transforms).first(count), set->get(index), options.seed, of_epoch, index);
    } catch (Error& e) {
      e.detail("in " + set->label(index) + " of " + set->info().name);
      throw;
    }
  }

  DatasetPtr set;
  Transforms transforms;
  LoaderOptions options;
  int64_t batches = 0;
  int64_t views = 1;
  std::optional<SequenceOptions> sequences;
  std::vector<int64_t> lengths;  // of all examples, where they are put together by length
  size_t alone = 0;  // transforms up to the last one that needs single examples; the others treat whole batches

  std::mutex mutex;
  std::condition_variable room, ready;
  std::vector<std::thread> threads;
  std::vector<Slot> slots;
  std::shared_ptr<const std::vector<int64_t>> order;
  TensorPool own_pool;
  int64_t epoch = 0, to_give = 0, to_take = 0;
  uint64_t generation = 0;
  double waited = 0;
  bool stopping = false;
};

Loader::Loader(DatasetPtr set, Transforms transforms, LoaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(set), std::move(transforms), options)) {}
Loader::~Loader() = default;

int64_t Loader::batches_per_epoch() const { return impl_->batches; }
void Loader::start(int64_t epoch, int64_t first_batch) { impl_->start(epoch, first_batch); }
bool Loader::next(Batch& batch) { return impl_->next(batch); }
double Loader::waited() const { return impl_->waited; }
const Dataset& Loader::dataset() const { return *impl_->set; }
const LoaderOptions& Loader::options() const { return impl_->options; }

}  // namespace lamina::data
