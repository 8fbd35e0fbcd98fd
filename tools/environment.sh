# shellcheck shell=bash
# Sourced by demo, test and check, which call prepare_environment: it makes the virtual environment
# they run in, installs kpsearch there in editable mode, and puts it first on PATH. A second call
# with nothing changed costs a fraction of a second. Nothing is installed anywhere else.
#
# Settings, all optional:
#   KPSEARCH_VENV    folder of the virtual environment; by default .venv in the repository
#   KPSEARCH_PYTHON  the Python to make it from; by default the first one >= 3.11 on PATH
#   KPSEARCH_OPENCV  the OpenCV to install, such as '4.14.*'; by default the newest that setup.cfg
#                    allows. Changing it, or unsetting it, reinstalls OpenCV.
#   KPSEARCH_TORCH   the torch to install, such as 2.13.0; by default none, as it is large: the tests
#                    of fine-tuning are skipped then

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${KPSEARCH_VENV:-$root/.venv}
if [[ $venv != /* ]]; then
  venv=$PWD/$venv
fi

# Nothing from the caller's Python or pip set-up may lead out of the virtual environment.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_REQUIRE_VIRTUALENV=1
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off PIP_ROOT_USER_ACTION=ignore

# With stdin closed, the first file a program opens would become its stdin.
if ! { : <&0; } 2>/dev/null; then
  exec </dev/null
fi

say() {
  printf 'kpsearch: %s\n' "$*" >&2
}

die() {
  say "$@"
  exit 1
}

# Leaves a usable virtual environment with the given extras installed: prepare_environment test
prepare_environment() {
  if ! has_extras "$@"; then
    # The lock is on the repository, not on the virtual environment: set-ups of two of those would
    # still write the same kpsearch.egg-info. Another set-up may have done the work while we waited.
    (
      wait_for_lock
      has_extras "$@" || install_extras "$@"
    ) 9<"$root"
  fi
  warn_of_other_opencv
  export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
}

wait_for_lock() {
  if command -v flock >/dev/null && ! flock -n 9; then
    say "waiting for another set-up of this repository to finish"
    flock 9 || say "no locks on this file system: going on without"
  fi
}

stamp_of() {
  printf '%s\n' "$venv/.kpsearch-$1.stamp"
}

has_extras() {
  local extra expected found
  expected=$(fingerprint) || return 1
  for extra in "$@"; do
    found=$(cat -- "$(stamp_of "$extra")" 2>/dev/null) || return 1
    [[ $found == "$expected" ]] || return 1
  done
}

# Prints a digest of all that an installation depends on; fails where there is no usable virtual
# environment. The folders are part of it because a moved environment has scripts that do not start.
fingerprint() {
  "$venv/bin/python" -I -c '
import hashlib, importlib.util, pathlib, sys

in_venv = sys.prefix != sys.base_prefix
if sys.version_info < (3, 11) or not in_venv or importlib.util.find_spec("pip") is None:
    sys.exit(1)
root = pathlib.Path(sys.argv[1])
digest = hashlib.sha256(repr((sys.argv, sys.version)).encode())
for name in ("setup.cfg", "pyproject.toml"):
    digest.update((root / name).read_bytes())
print(digest.hexdigest())
' "$root" "$venv" "${KPSEARCH_OPENCV:-}" "${KPSEARCH_TORCH:-}" 2>/dev/null
}

install_extras() {
  local extras digest extra log=$venv/.kpsearch-install.log
  extras=$(IFS=,; printf '%s' "$*")
  if ! fingerprint >/dev/null; then
    make_virtual_environment
  fi
  SECONDS=0
  say "installing kpsearch[$extras]${KPSEARCH_OPENCV:+ with OpenCV $KPSEARCH_OPENCV}" \
    "${KPSEARCH_TORCH:+with torch $KPSEARCH_TORCH }"\
    "(a minute or two the first time)"
  # OpenCV is named so that --upgrade takes it to the newest version again once a pin is lifted.
  if ! (cd -- "$root" && "$venv/bin/python" -I -m pip install --upgrade --editable ".[$extras]" \
    "opencv-contrib-python-headless${KPSEARCH_OPENCV:+==$KPSEARCH_OPENCV}" \
    ${KPSEARCH_TORCH:+"torch==$KPSEARCH_TORCH"}) \
    >"$log" 2>&1 </dev/null; then
    tail -n 30 -- "$log" >&2
    die "the installation failed: see above, or all of it in $log"
  fi
  digest=$(fingerprint) || die "pip left $venv unusable: remove that folder and run this again"
  for extra in "$@"; do
    printf '%s\n' "$digest" >"$(stamp_of "$extra")"
  done
  say "installed in $SECONDS s"
}

# A folder with other things in it is never emptied: only one that is ours, by our marker file.
make_virtual_environment() {
  local python marker=$venv/.made-by-kpsearch
  if [[ -e $venv && ! -e $marker && -n $(ls -A -- "$venv") ]]; then
    die "$venv holds files, but no working Python 3.11 or newer with pip: set KPSEARCH_VENV to a" \
      "new folder, or remove that one if it is a virtual environment you no longer need"
  fi
  python=$(find_python)
  say "making a virtual environment in $venv ($("$python" -V))"
  mkdir -p -- "$venv"
  "$python" -I -m venv --clear -- "$venv" </dev/null >&2 ||
    die "$python could not make a virtual environment in $venv: see above"
  : >"$marker"
}

# Prints the path of a Python >= 3.11 that can make virtual environments with pip in them.
find_python() {
  local name path without_venv='' names=(python3 python3.14 python3.13 python3.12 python3.11 python)
  if [[ -n ${KPSEARCH_PYTHON:-} ]]; then
    names=("$KPSEARCH_PYTHON")
  fi
  for name in "${names[@]}"; do
    path=$(command -v -- "$name") || continue
    "$path" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$path" -I -c 'import ensurepip, venv' 2>/dev/null; then
      printf '%s\n' "$path"
      return
    fi
    without_venv=${without_venv:-$path}
  done
  if [[ -n $without_venv ]]; then
    die "$without_venv cannot make virtual environments: install its venv module" \
      "(on Debian and Ubuntu: apt-get install python3-venv)"
  fi
  die "no Python 3.11 or newer among: ${names[*]}. Install one with its venv module (on Debian and" \
    "Ubuntu: apt-get install python3 python3-venv), or set KPSEARCH_PYTHON to its path"
}

# All OpenCV wheels unpack into the same cv2 folder: which one is imported is then a matter of luck.
warn_of_other_opencv() {
  local name
  for name in opencv-python opencv-contrib-python opencv-python-headless; do
    if (cd -- "$venv/lib" && compgen -G "python3*/site-packages/${name//-/_}-*.dist-info") \
      >/dev/null; then
      say "WARNING: $name is installed beside opencv-contrib-python-headless, and each overwrites" \
        "the other's cv2. Remove $venv and run this again"
    fi
  done
}
