# localhost/mlib-base:1 in out/image.tar: one static busybox and its names, for containers that have to fail, wait or
# print something.
[ -x /bin/busybox ] || { say "needs the Debian package busybox-static"; exit 1; }
mkdir -p root/bin root/tmp root/etc
chmod 1777 root/tmp
cp /bin/busybox root/bin/
for name in $(/bin/busybox --list); do [ "$name" = busybox ] || ln -s busybox "root/bin/$name"; done
printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > root/etc/passwd
printf 'root:x:0:\n' > root/etc/group
image localhost/mlib-base:1 out/image.tar root '{"Env":["PATH=/bin"],"Cmd":["/bin/sh"]}'
