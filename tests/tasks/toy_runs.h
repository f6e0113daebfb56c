// Short runs of recipes in a folder of their own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lamina/core/error.h"
#include "lamina/io/files.h"
#include "lamina/io/image.h"
#include "lamina/tasks/run.h"

namespace lamina::tasks {

class ToyRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("lamina-toy-runs-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  /// What `lamina train` does, without the report on the test part.
  tasks::Run train(const std::string& name, const std::string& yaml) const {
    const recipe::Setting recipe = load_recipe(write(name + ".yaml", yaml));
    recipe::Setting resolved;
    const DataParts data = open_data(recipe, resolved);
    Plan plan = make_plan(recipe, data.facts, resolved);
    plan.options.run_dir = path(name);
    plan.options.progress = false;
    begin_run(path(name), plan.resolved, data.facts);
    const auto trainer = plan.trainer();
    trainer->set_transforms(data.train_transforms, data.eval_transforms);
    trainer->fit(data.train, data.validation);
    return open_run(path(name));
  }

  /// The message of the error that the recipe leads to, or "no error".
  std::string message_of(const std::string& yaml) const {
    try {
      const recipe::Setting recipe = load_recipe(write("wrong.yaml", yaml));
      recipe::Setting resolved;
      const DataParts data = open_data(recipe, resolved);
      make_plan(recipe, data.facts, resolved);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  /// A folder of smooth colour pictures u8 [3, height, width], half of them each in the classes "a" and "b".
  std::string write_pictures(const std::string& name, int64_t n, int64_t height, int64_t width) const {
    for (int64_t i = 0; i < n; ++i) {
      const std::string of_class = path(name) + (i % 2 ? "/a" : "/b");
      std::filesystem::create_directories(of_class);
      write(name + (i % 2 ? "/a/" : "/b/") + std::to_string(i) + ".png", io::encode_png(picture(i, height, width)));
    }
    return path(name);
  }

  static Tensor picture(int64_t number, int64_t height, int64_t width, int64_t channels = 3) {
    std::vector<uint8_t> pixels;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = 0; y < height; ++y) {
        for (int64_t x = 0; x < width; ++x) {
          pixels.push_back(static_cast<uint8_t>((number * 37 + (c + 1) * 5 * x + (3 - c) * 4 * y) % 256));
        }
      }
    }
    return Tensor::from_bytes(pixels.data(), {channels, height, width}, DType::u8);
  }

  std::filesystem::path folder_;
};

}  // namespace lamina::tasks
