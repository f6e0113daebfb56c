#include "bench/peer.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "lamina/core/error.h"

namespace lamina::bench {

Peer::Peer(const std::string& python, const std::string& script) {
  if (access(python.c_str(), X_OK) != 0) throw Error("peers", python + " is not there").hint("run ./dev peers");
  std::signal(SIGPIPE, SIG_IGN);
  int in[2], out[2];
  if (pipe(in) != 0 || pipe(out) != 0 || (pid_ = fork()) < 0) throw Error("peers", "could not start a process");
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    execl(python.c_str(), python.c_str(), "-W", "ignore", script.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  to_ = fdopen(in[1], "w");
  from_ = fdopen(out[0], "r");
}

Peer::~Peer() {
  if (to_) std::fclose(to_);
  if (from_) std::fclose(from_);
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
}

nlohmann::json Peer::ask(const nlohmann::json& request) {
  std::fprintf(to_, "%s\n", request.dump().c_str());
  std::fflush(to_);
  char* line = nullptr;
  size_t capacity = 0;
  const ssize_t length = getline(&line, &capacity, from_);
  const std::string answer = length > 0 ? std::string(line, static_cast<size_t>(length)) : std::string();
  std::free(line);
  const nlohmann::json parsed = nlohmann::json::parse(answer, nullptr, false);
  return parsed.is_object() ? parsed : nlohmann::json{{"error", "gave no answer"}};
}

}  // namespace lamina::bench
