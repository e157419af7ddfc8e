# For scripts that measure: when, what, and on which machine.

about_this_run() {
  local model memory
  model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)
  memory=$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)
  echo "$(date -u '+%Y-%m-%d %H:%M UTC'), $(git describe --always --dirty --abbrev=12)"
  echo "$(nproc) cores of ${model:-an unnamed CPU}, $memory"
  rustc --version
}
