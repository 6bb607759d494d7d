# troupe_warnings(target): our warning set, for our own code only.

function(troupe_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wunused
    # GCC's optimiser reports these two in its own std::string where strings are joined.
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow>"
    $<$<BOOL:${TROUPE_WERROR}>:-Werror>)
endfunction()
