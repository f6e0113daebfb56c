#include "lamina/io/download.h"

#include <cstdio>

#include "lamina/io/files.h"
#include "tests/support/files.h"

namespace lamina::io {
namespace {

using testing::error_of;
using testing::TempFolder;

/// A tar archive of one file, as ustar.
std::string tar_of(const std::string& name, const std::string& content, char type = '0') {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char text[32];
  std::snprintf(text, sizeof text, "%011o", static_cast<unsigned>(content.size()));
  header.replace(124, 11, text);
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(text, sizeof text, "%06o", sum);
  header.replace(148, 7, std::string(text) + '\0');
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

const std::string kEnd(1024, '\0');

TEST(Tar, ReadsFilesFoldersAndLongNames) {
  const std::string name(150, 'n');
  const std::string bytes = tar_of("folder/", "", '5') + tar_of("folder/a.txt", "hello") +
                            tar_of("././@LongLink", name, 'L') + tar_of("short", "long") +
                            tar_of("x", "20 path=of/pax.bin\n", 'x') + tar_of("short", "pax") + kEnd;
  for (const std::string& archive : {bytes, gzip(bytes)}) {
    const auto files = read_tar(archive, "a.tar");
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files[0], (std::pair<std::string, std::string>("folder/a.txt", "hello")));
    EXPECT_EQ(files[1], std::pair(name, std::string("long")));
    EXPECT_EQ(files[2], (std::pair<std::string, std::string>("of/pax.bin", "pax")));
  }
}

TEST(Tar, DamageIsAnError) {
  const std::string bytes = tar_of("a", "hello");
  testing::expect_errors_when_truncated(bytes + std::string(512, '\0'),
                                        [](std::string_view b) { read_tar(b, "a.tar"); });
  std::string bad = bytes + kEnd;
  bad[0] = 'b';
  EXPECT_CONTAINS(error_of([&] { read_tar(bad, "a.tar"); }), "corrupt archive");
}

TEST(Download, FetchesAndGoesOn) {
  const TempFolder folder;
  std::string content;
  for (int i = 0; i < 50000; ++i) content += std::to_string(i);
  const std::string source = "file://" + folder.write("source", content), part = folder / "x.part";
  int64_t seen = 0;
  download_to(source, part, [&](int64_t done, int64_t) {
    seen = done;
    return true;
  });
  EXPECT_EQ(read_file(part), content);
  EXPECT_EQ(seen, static_cast<int64_t>(content.size()));
  write_file_atomically(part, content.substr(0, 1234));
  download_to(source, part);
  EXPECT_EQ(read_file(part), content);
}

TEST(Download, FailuresNameTheAddress) {
  const TempFolder folder;
  EXPECT_CONTAINS(error_of([&] { download_to("file:///no/such/file", folder / "p"); }), "file:///no/such/file: ");
  EXPECT_THROW(download_to("http://127.0.0.1:1/none", folder / "p"), Error);
  EXPECT_THROW(download_to("gopher://127.0.0.1/none", folder / "p"), Error);
  EXPECT_CONTAINS(error_of([&] { download_to("file:///etc/passwd", folder / "no/p"); }), "cannot be written");
  const std::string source = "file://" + folder.write("source", "text");
  EXPECT_CONTAINS(error_of([&] { download_to(source, folder / "p", [](int64_t, int64_t) { return false; }); }),
                  "stopped");
}

}  // namespace
}  // namespace lamina::io
