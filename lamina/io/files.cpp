#include "lamina/io/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "lamina/core/error.h"

namespace lamina::io {

namespace {

/// A file descriptor, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// False where the system reports that the data did not arrive.
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

Error system_error(const std::string& path, const std::string& what, int code) {
  Error error(path, what + ": " + std::strerror(code));
  if (code == ENOENT) error.hint("check the path");
  if (code == ENOSPC || code == EDQUOT) error.hint("free some space, or choose another folder");
  if (code == EACCES || code == EROFS) error.hint("choose a folder that you may write to, or change its permissions");
  return error;
}

int open_for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw system_error(path, "cannot be opened", errno);
  return fd;
}

/// Bytes read, less than asked for at the end of the file only.
size_t read_fully(int fd, char* to, size_t bytes, const std::string& path) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = ::read(fd, to + done, bytes - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error(path, "cannot be read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

/// 0, or the error code.
int write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) throw Error("sha256", "libcrypto failed");
  }
  ~Digest() { EVP_MD_CTX_free(context_); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void add(std::string_view bytes) {
    if (EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1) throw Error("sha256", "libcrypto failed");
  }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_, digest, &size) != 1) throw Error("sha256", "libcrypto failed");
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
    }
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};

/// zlib's inflate with gzip framing.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw Error("gzip", "zlib failed");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

}  // namespace

std::string read_file(const std::string& path) {
  const Descriptor file(open_for_reading(path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw system_error(path, "cannot be read", errno);
  if (S_ISDIR(status.st_mode)) throw Error(path, "is a folder, expected a file");
  std::string bytes;
  // The size is a hint only: pipes have none, and files may grow.
  size_t wanted = static_cast<size_t>(status.st_size) + 1;
  for (;;) {
    const size_t before = bytes.size();
    bytes.resize(before + wanted);
    const size_t got = read_fully(file.get(), bytes.data() + before, wanted, path);
    bytes.resize(before + got);
    if (got < wanted) return bytes;
    wanted = size_t{1} << 16;
  }
}

std::string gunzip(std::string_view bytes, const std::string& name, size_t limit) {
  constexpr size_t kPiece = size_t{1} << 30;  // zlib counts in 32 bits
  std::string out;
  size_t at = 0;
  do {
    Inflater inflater;
    z_stream& z = inflater.stream();
    int status = Z_OK;
    while (status != Z_STREAM_END) {
      const size_t piece = std::min(bytes.size() - at, kPiece), before = out.size();
      const size_t room = std::min(std::max<size_t>(before, size_t{1} << 16), kPiece);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
      z.avail_in = static_cast<uInt>(piece);
      out.resize(before + room);
      z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      z.avail_out = static_cast<uInt>(room);
      status = inflate(&z, Z_NO_FLUSH);
      at += piece - z.avail_in;
      out.resize(before + room - z.avail_out);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        throw Error(name, std::string("corrupt gzip data: ") + (z.msg ? z.msg : "unreadable"));
      }
      if (status != Z_STREAM_END && at == bytes.size() && z.avail_out != 0) {
        throw Error(name, "truncated gzip data after " + std::to_string(bytes.size()) + " bytes");
      }
      if (out.size() > limit) throw Error(name, "unpacks to more than " + std::to_string(limit) + " bytes");
    }
  } while (at < bytes.size() && bytes[at] == '\x1f');
  return out;
}

std::string gzip(std::string_view bytes) {
  if (bytes.size() > UINT32_MAX / 2) throw Error("gzip", "more than 2 GiB in one piece");
  z_stream z{};
  if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) throw Error("gzip", "zlib failed");
  std::string out(deflateBound(&z, static_cast<uLong>(bytes.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&z, Z_FINISH);
  const size_t size = z.total_out;
  deflateEnd(&z);
  if (status != Z_STREAM_END) throw Error("gzip", "zlib failed");
  return out.substr(0, size);
}

std::string read_maybe_gzip(const std::string& path) {
  std::string bytes = read_file(path);
  if (bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b') return gunzip(bytes, path);
  return bytes;
}

namespace {

/// 0, or the number of the error, after which nothing is left behind.
int create(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) return errno;
  int code = write_fully(file.get(), bytes);
  if (code == 0 && ::fsync(file.get()) != 0) code = errno;
  if (!file.close() && code == 0) code = errno;
  if (code != 0) ::unlink(path.c_str());
  return code;
}

}  // namespace

void write_new_file(const std::string& path, std::string_view bytes) {
  if (const int code = create(path, bytes)) throw system_error(path, "cannot be written", code);
}

void sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // File systems that cannot sync folders say EINVAL.
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0 && errno != EINVAL) {
    throw system_error(path, "cannot be synced", errno);
  }
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  static std::atomic<int> counter{0};
  const std::string aside = path + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter++);
  int code = create(aside, bytes);
  if (code == 0 && ::rename(aside.c_str(), path.c_str()) != 0) {
    code = errno;
    ::unlink(aside.c_str());
  }
  if (code != 0) throw system_error(path, "cannot be written", code);
  sync_folder(folder_of(path));
}

std::string sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.hex();
}

std::string sha256_of_file(const std::string& path) {
  const Descriptor file(open_for_reading(path));
  Digest digest;
  std::string piece(size_t{1} << 20, '\0');
  size_t got = piece.size();
  while (got == piece.size()) {
    got = read_fully(file.get(), piece.data(), piece.size(), path);
    digest.add(std::string_view(piece).substr(0, got));
  }
  return digest.hex();
}

void make_folders(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) throw system_error(path, "the folder cannot be made", code.value());
}

}  // namespace lamina::io
