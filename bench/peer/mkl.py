"""Has MKL use AVX-512 on processors of AMD, too.

MKL asks who made the processor, and on those that Intel did not make it multiplies with AVX2 only:
half of what the processor does. A library that is loaded before PyTorch, and answers that
question with yes, is known to give MKL its best kernels there. Nobody has that without asking for
it, but it is PyTorch at its best.
"""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

ANSWER = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


@functools.cache
def environment():
    """The variables that do it: none where Intel made the processor or no C compiler is found."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or "AuthenticAMD" not in Path("/proc/cpuinfo").read_text():
        return {}
    folder = Path(tempfile.mkdtemp(prefix="peer-mkl-"))
    source, library = folder / "answer.c", folder / "answer.so"
    source.write_text(ANSWER)
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}
