# A room is a folder of src/ and one static library. A header of another room is visible only if that room is
# named after USES (or is used by one of those), so the build itself refuses an include that goes up.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

# room(NAME USES room... LINKS library...): every *.cpp of the folder, its x_test.cpp files as one test program.
function(room name)
  cmake_parse_arguments(ROOM "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  add_library(${name} STATIC ${sources})
  # include/ROOM is a link to the room, so that `#include "room/x.hpp"` resolves for users of this room only.
  set(door ${CMAKE_BINARY_DIR}/doors/${name})
  file(MAKE_DIRECTORY ${door})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${door}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${door})
  target_link_libraries(${name} PUBLIC ${ROOM_USES} fmt::fmt PRIVATE ${ROOM_LINKS})
  if(tests)
    add_executable(test_${name} ${tests} $<TARGET_OBJECTS:test_main>)
    target_link_libraries(test_${name} PRIVATE ${name} ${ROOM_LINKS} Threads::Threads)
    target_compile_definitions(test_${name} PRIVATE MLIB_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME unit.${name} COMMAND test_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()
