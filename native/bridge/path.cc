#include "bridge/path.h"

#include <unistd.h>

#include <climits>
#include <sstream>
#include <vector>

namespace cloudenv {

std::string NormalizePath(const std::string& path) {
  std::string absolute = path;
  if (path.empty() || path[0] != '/') {
    char cwd[PATH_MAX];
    if (getcwd(cwd, sizeof(cwd)) != nullptr) absolute = std::string(cwd) + '/' + path;
  }
  std::vector<std::string> names;
  std::istringstream input(absolute);
  for (std::string name; std::getline(input, name, '/');) {
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      names.push_back(name);
    } else if (!names.empty()) {
      names.pop_back();
    }
  }
  std::string normal;
  for (const std::string& name : names) normal += '/' + name;
  return normal.empty() ? "/" : normal;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string BaseNameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsAtOrBelow(const std::string& directory, const std::string& path) {
  if (directory == "/") return true;
  return path.compare(0, directory.size(), directory) == 0 &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

bool MatchesGlob(const std::string& glob, const std::string& name) {
  const size_t star = glob.find('*');
  if (star == std::string::npos) return glob == name;
  const size_t suffix = glob.size() - star - 1;
  return name.size() >= star + suffix && name.compare(0, star, glob, 0, star) == 0 &&
         name.compare(name.size() - suffix, suffix, glob, star + 1, suffix) == 0;
}

}  // namespace cloudenv
