#pragma once
#include "cards/library.hpp"
#include "formats/report.hpp"

namespace mlib::formats {

/// Model, Hardware and Template cards from the original's JSON: what its `/get_all` answers, one of its
/// cards, or a list of them. `library` knows the original's architectures (by id, manifest or name) as
/// frameworks, whose parameters say what each value is; what belongs to an architecture that it does not know
/// is left out. `wanted.framework` stands for every architecture. Problem{invalid} for what has another
/// shape, with `name` and the path; Problem{usage} for what a Model Library answers in the original's place,
/// since its cards have lost in that shape what they need.
Imported from_original(const Node& json, std::string_view name, const cards::Library& library,
                       const Wanted& wanted);
/// True for a JSON value that looks like the original's.
bool is_original(const Node& json);

}  // namespace mlib::formats
