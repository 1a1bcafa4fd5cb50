// Paths in the protocol's form, and the globs of local names.
#pragma once

#include <string>

namespace cloudenv {

// Absolute, without `.`, `..`, doubled or trailing slashes. Symbolic links are not followed.
std::string NormalizePath(const std::string& path);

// Both take normalized paths.
std::string DirectoryOf(const std::string& path);
std::string BaseNameOf(const std::string& path);

bool IsAtOrBelow(const std::string& directory, const std::string& path);

// A glob has at most one `*`, which stands for any characters, or none.
bool MatchesGlob(const std::string& glob, const std::string& name);

}  // namespace cloudenv
