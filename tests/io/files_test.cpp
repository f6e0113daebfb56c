#include "lamina/io/files.h"

#include <sys/resource.h>

#include <csignal>

#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;
using testing::TempFolder;

size_t files_in(const std::string& folder) {
  const std::filesystem::directory_iterator begin(folder);
  return static_cast<size_t>(std::distance(begin, {}));
}

TEST(Files, ReadWhatWasWritten) {
  const TempFolder folder;
  const std::string path = folder / "a.bin", bytes("\0\r\n\xff text", 9);
  write_file_atomically(path, bytes);
  EXPECT_EQ(read_file(path), bytes);
  write_file_atomically(path, "");
  EXPECT_EQ(read_file(path), "");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(Files, MissingFilesAndFoldersAreNamed) {
  const TempFolder folder;
  EXPECT_CONTAINS(error_of([&] { read_file(folder / "none"); }), "none: cannot be opened: No such file");
  EXPECT_CONTAINS(error_of([&] { read_file(folder.path()); }), "is a folder");
  EXPECT_CONTAINS(error_of([&] { write_file_atomically(folder / "no/such", "x"); }), "cannot be written");
  EXPECT_CONTAINS(error_of([&] { make_folders("/proc/none/such"); }), "cannot be made");
}

TEST(Files, AFailedWriteKeepsTheOldFileAndLeavesNothing) {
  const TempFolder folder;
  const std::string path = folder.write("a.bin", "old");
  // The limit of the file size stands for a full disk.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_of([&] { write_file_atomically(path, std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_CONTAINS(message, "cannot be written");
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(Files, ANewFileReplacesNothing) {
  const TempFolder folder;
  const std::string path = folder / "f";
  write_new_file(path, "first");
  EXPECT_CONTAINS(error_of([&] { write_new_file(path, "second"); }), "cannot be written");
  EXPECT_EQ(read_file(path), "first");
}

TEST(Files, ATargetThatIsAFolderLeavesNothing) {
  const TempFolder folder;
  make_folders(folder / "a/b");
  EXPECT_THROW(write_file_atomically(folder / "a", "x"), Error);
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(Gzip, RoundTripsAndJoinsMembers) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919 % 1000);
  EXPECT_EQ(gunzip(gzip(text), "x"), text);
  EXPECT_EQ(gunzip(gzip(""), "x"), "");
  EXPECT_EQ(gunzip(gzip("one ") + gzip("two"), "x"), "one two");
  const TempFolder folder;
  EXPECT_EQ(read_maybe_gzip(folder.write("named.txt", gzip("packed"))), "packed");
  EXPECT_EQ(read_maybe_gzip(folder.write("plain.gz", "plain")), "plain");
}

TEST(Gzip, DamageIsAnError) {
  const std::string packed = gzip("the quick brown fox jumps over the lazy dog");
  testing::expect_errors_when_truncated(packed, [](std::string_view b) { gunzip(b, "x"); });
  for (size_t i : {size_t{0}, size_t{2}, packed.size() - 6}) {
    std::string bad = packed;
    bad[i] = static_cast<char>(bad[i] ^ 0x55);
    EXPECT_THROW(gunzip(bad, "x"), Error) << i;
  }
  EXPECT_CONTAINS(error_of([&] { gunzip(gzip(std::string(1000, 'x')), "bomb", 100); }), "more than 100 bytes");
}

TEST(Sha256, KnownValues) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const TempFolder folder;
  const std::string large(3 << 20, 'a');
  EXPECT_EQ(sha256_of_file(folder.write("a", large)), sha256(large));
}

}  // namespace
}  // namespace lamina::io
