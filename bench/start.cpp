#include "bench/start.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "bench/steps.h"
#include "lamina/core/error.h"

namespace lamina::bench {

namespace {

struct Spent {
  double wall_ms = 0, cpu_ms = 0;
};

/// Runs a program to its end; throws Error where it fails.
Spent run(const std::vector<std::string>& command) {
  std::fflush(stdout);
  const auto start = std::chrono::steady_clock::now();
  const pid_t pid = fork();
  if (pid < 0) throw Error("bench start", "could not start a process");
  if (pid == 0) {
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage used{};
  wait4(pid, &status, 0, &used);
  if (status != 0) throw Error("bench start", command[0] + " failed").hint("run it in the top folder of the tree");
  const auto ms = [](const timeval& t) {
    return 1e3 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_usec);
  };
  return {std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(),
          ms(used.ru_utime) + ms(used.ru_stime)};
}

}  // namespace

void run_start(const std::string& program, const std::vector<std::string>& only) {
  std::printf("from the start of the process to the end of its first step\n");
  for (const Workload* w :
       chosen_workloads(only.empty() ? std::vector<std::string>{"xor", "lenet5", "resnet50"} : only)) {
    const Spent spent = run({program, "start", "--first-step", w->name});
    std::printf("%-22s %9.1f ms\n", w->name.c_str(), spent.wall_ms);
  }
  std::printf("\ncompiling (c++ -O2), wall and processor time\n");
  std::vector<std::filesystem::path> examples;
  for (const auto& file : std::filesystem::directory_iterator("examples")) {
    if (file.path().extension() == ".cpp") examples.push_back(file.path());
  }
  std::sort(examples.begin(), examples.end());
  for (const auto& example : examples) {
    const Spent spent = run({"c++", "-std=c++20", "-O2", "-I.", "-c", example.string(), "-o", "/dev/null"});
    std::printf("%-22s %9.1f ms %9.1f ms\n", example.filename().c_str(), spent.wall_ms, spent.cpu_ms);
  }
}

void run_first_step(const std::string& workload) {
  const Session session(find_workload(workload), {});
  std::printf("  of it capture and first step %.1f ms, before anything ran %.1f ms\n", session.first_ms(),
              session.prepare_ms());
}

}  // namespace lamina::bench
