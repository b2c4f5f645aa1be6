#pragma once
#include <vector>

#include "render/render.hpp"
#include "render/report.hpp"

namespace mlib::render {

/// A text as Kubernetes writes it into a text field: texts as they are, all else as JSON.
std::string as_text(const Node& value);

/// The manifest's documents with the values in place of `$name` and `${name}`; `$$` becomes `$`. A plain
/// scalar that is one placeholder takes the value with its type: null takes its key or item away, a list that
/// is an item of a list is spliced. What has no value, a stray `$` and a placeholder in a key go to `report`;
/// a secret outside a Secret's data goes to `secrets`. Where Kubernetes expands `$(NAME)` (commands,
/// arguments and environment), the values are escaped, so that the container sees them as they are.
std::vector<Node> substitute(const std::vector<Node>& manifest, const Values& values, Report& report,
                             Report& secrets);

/// Placeholders in scripts (what follows `-c` in a command) that are not confined to harmless words go to
/// `report`: a value there would be read by the shell.
void check_scripts(const cards::Framework& framework, Report& report);

}  // namespace mlib::render
