# llama.cpp's own server as one static binary, out/llama-server, and as the image localhost/mlib-llama-server:1 in
# out/image.tar. Some 8 minutes of CPU time; 13 s with ccache warm.
pinned
tar -xzf dl/llama_cpp_python-*.tar.gz
flags="-ffile-prefix-map=$PWD=." # no path of this machine in an image
say "compiling llama.cpp's server"
cmake -S llama_cpp_python-*/vendor/llama.cpp -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DBUILD_SHARED_LIBS=OFF -DCMAKE_EXE_LINKER_FLAGS=-static -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
  -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
  -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_SERVER=ON
ninja -C build -j "${MLIB_JOBS:-$(nproc)}" llama-server | percent
strip -o out/llama-server build/bin/llama-server
mkdir -p root/tmp root/models root/etc
chmod 1777 root/tmp
cp out/llama-server root/
printf 'root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n' > root/etc/passwd
image localhost/mlib-llama-server:1 out/image.tar root '{"Entrypoint":["/llama-server"],"WorkingDir":"/tmp"}'
