# SPDX-License-Identifier: Apache-2.0
"""Compiles OpenCL C offline for the GPUs of three vendors, and reads what became of each kernel."""
import dataclasses
import os
import re
import shutil
import struct
import subprocess

from inner_loop import Code, Loop, inner_loop

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "build", "gpu-tools", "nvidia", "cu13", "bin")
LIBCLC = "/usr/lib/clc"
# CLBlast counts on GNU's meaning of `inline`.
CLANG = ["clang-15", "-x", "cl", "-Xclang", "-finclude-default-header", "-O3", "-nogpulib",
         "-fgnu89-inline", "-Wno-linker-warnings", "-S"]


class CompileError(Exception):
    """A compiler refused a source; the text is what it said."""


@dataclasses.dataclass
class Kernel:
    """What a compiler made of one kernel."""
    name: str
    registers: int = 0
    local_bytes: int = 0     # Of a group, as declared in the source.
    spilled_bytes: int = 0   # Of an item, or registers where only these are counted.
    scratch_bytes: int = 0   # Private memory outside of registers.
    loop: Loop = dataclasses.field(default_factory=Loop)
    simd: int = 32           # Items that a hardware thread computes in step.
    waves: int = 0           # AMD: waves for each SIMD that registers and local memory allow.
    max_group: int = 0       # AMD: items of a group that it was compiled for.


def find_tool(name):
    """Our own copy of a tool, else the one that is installed, else None."""
    return shutil.which(name, path=TOOLS) or shutil.which(name)


def missing_tools():
    """What must be installed before anything can be compiled."""
    missing = [tool for tool in ("clang-15", "ptxas", "nvdisasm", "ocloc") if not find_tool(tool)]
    return missing + [name for name in (Nvidia.library, Amd.library) if not os.path.exists(name)]


def call(command, **arguments):
    """What the command printed; its failure is the source's."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **arguments)
    if done.returncode:
        raise CompileError(f"{os.path.basename(command[0])}: {done.stdout.strip()}")
    return done.stdout


def lines_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def elf_section(path, name):
    """The content of a section of a 64-bit ELF file."""
    with open(path, "rb") as file:
        elf = file.read()
    table, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + i * size) for i in range(count)]
    for at, _, _, _, offset, length in headers:
        begin = headers[names][4] + at
        if elf[begin:elf.index(b"\0", begin)] == name:
            return elf[offset:offset + length]
    raise CompileError(f"{path} has no section {name.decode()}")


class Nvidia:
    """Clang to PTX, which NVIDIA's own assembler takes from there."""
    library = f"{LIBCLC}/nvptx64--nvidiacl.bc"
    newest = {"sm_90": "sm_80"}  # Clang 15 knows none newer; ptxas compiles PTX for any later chip.
    local_bytes = 48 << 10
    registers = 65536
    # Of a multiprocessor: warps, groups, bytes of local memory, bytes of it that each group costs.
    limits = {"sm_75": (32, 16, 64 << 10, 0), "sm_80": (64, 32, 164 << 10, 1 << 10),
              "sm_90": (64, 32, 228 << 10, 1 << 10)}

    def __init__(self, target):
        self.target = target

    def compile(self, source, options, folder, with_loops):
        ptx, cubin = f"{folder}/a.ptx", f"{folder}/a.cubin"
        call([*CLANG, "-target", "nvptx64-nvidia-nvcl", f"-march={self.newest.get(self.target, self.target)}",
              "-Xclang", "-mlink-builtin-bitcode", "-Xclang", self.library, *options, "-o", ptx,
              source])
        text = "\n".join(lines_of(ptx)).replace(", texmode_independent", "")
        with open(ptx, "w", encoding="utf-8") as file:
            file.write(text)
        log = call([find_tool("ptxas"), "-v", f"-arch={self.target}", ptx, "-o", cubin])
        kernels = {}
        for line in log.splitlines():
            if found := re.search(r"Compiling entry function '(\w+)'", line):
                kernels[found[1]] = Kernel(found[1])
            elif found := re.search(r"Function properties for (\w+)", line):
                kernel = kernels.get(found[1], Kernel("a function"))
            elif found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, "
                                    r"(\d+) bytes spill loads", line):
                kernel.scratch_bytes, stores, loads = map(int, found.groups())
                kernel.spilled_bytes = stores + loads
            elif found := re.search(r"Used (\d+) registers", line):
                kernel.registers = int(found[1])
                local = re.search(r"(\d+) bytes smem", line)
                kernel.local_bytes = int(local[1]) if local else 0
        if with_loops:
            for name, code in self.disassemble(call([find_tool("nvdisasm"), "-c", "-ndf", cubin])):
                if name in kernels:
                    kernels[name].loop = inner_loop(code, self.count)
        return kernels

    @staticmethod
    def count(opcode):
        """The multiply-adds and the operations of an instruction; waits, barriers, branches, and
        what marks them for the scheduler, are none."""
        return int(opcode.startswith("FFMA")), int(not re.match(
            r"(BAR|BRA|BRX|BSSY|BSYNC|CALL|RET|EXIT|JMP|NOP|WARPSYNC|DEPBAR)\b", opcode))

    @staticmethod
    def disassemble(text):
        name, code = None, Code()
        for line in text.splitlines():
            if found := re.match(r"\s*\.section\s+\.text\.(\w+)", line):
                if name:
                    yield name, code
                name, code = found[1], Code()
            elif found := re.match(r"(\.L_x_\d+):", line):
                code.add_label(found[1])
            elif found := re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@\S+\s+)?([A-Z][\w.]*)(.*)", line):
                code.add(found[1], re.findall(r"`\((\.L_x_\d+)\)", found[2]))
        if name:
            yield name, code

    def occupancy(self, kernel, group, local_bytes):
        """Part of the warps that fit, 0 if not even one group does; and what keeps more out."""
        warps, groups, local, reserved = self.limits[self.target]
        of_group = -(-group // 32)
        of_warp = -(-kernel.registers * 32 // 256) * 256
        fitting, limit = min(
            (warps // of_group, "groups"), (groups, "groups"),
            (self.registers // of_warp // of_group, "registers"),
            (local // (local_bytes + reserved) if local_bytes else groups, "local memory"))
        return fitting * of_group / warps, limit


class Amd:
    """Clang for the ABI of ROCm."""
    library = f"{LIBCLC}/amdgcn--amdhsa.bc"
    local_bytes = 64 << 10
    # Waves of a SIMD; bytes of local memory and SIMDs of the unit on which a group runs.
    limits = {"gfx900": (10, 64 << 10, 4), "gfx90a": (8, 64 << 10, 4),
              "gfx1030": (16, 128 << 10, 4), "gfx1100": (16, 128 << 10, 4)}

    def __init__(self, target):
        self.target = target

    @staticmethod
    def count(opcode):
        """As of NVIDIA. v_pk_ is two operations, and so are two joined by `::`."""
        if re.match(r"s_(waitcnt|barrier|c?branch|nop|delay_alu|clause|inst_prefetch|"
                    r"set_inst_prefetch|sched|setprio|sleep)", opcode):
            return 0, 0
        parts = opcode.split("::")
        fma = sum(re.match(r"v_(dual_|pk_)?(fma|fmac|mad|mac|fmaak|fmamk)_f32", part) is not None
                  for part in parts)
        each = 2 if opcode.startswith("v_pk_") else 1
        return each * fma, each * len(parts)

    def compile(self, source, options, folder, with_loops):
        assembly = f"{folder}/a.s"
        call([*CLANG, "-target", "amdgcn-amd-amdhsa", f"-mcpu={self.target}", "-Xclang",
              "-mlink-builtin-bitcode", "-Xclang", self.library, *options, "-o", assembly, source])
        lines = lines_of(assembly)
        kernels = {}
        for entry in self.metadata(lines):
            kernels[entry["name"]] = Kernel(
                entry["name"], local_bytes=int(entry["group_segment_fixed_size"]),
                scratch_bytes=int(entry["private_segment_fixed_size"]),
                spilled_bytes=4 * (int(entry["sgpr_spill_count"]) + int(entry["vgpr_spill_count"])),
                simd=int(entry["wavefront_size"]), max_group=int(entry["max_flat_workgroup_size"]))
        kernel = None
        for line in lines:
            if found := re.match(r"(\w+):\s+; @(\w+)", line):
                kernel, code = kernels.get(found[1]), Code()
            elif kernel is None:
                continue
            elif found := re.match(r"(\.LBB\d+_\d+):", line):
                code.add_label(found[1])
            elif found := re.match(r"\t([a-z]\w+)(.*)", line):
                second = re.search(r" :: (\w+)", found[2])
                code.add(f"{found[1]}::{second[1]}" if second else found[1],
                         re.findall(r"\.LBB\d+_\d+", found[2]))
            elif found := re.match(r"; (TotalNumVgprs|NumVgprs): (\d+)", line):
                kernel.registers = int(found[2])
            elif found := re.match(r"; Occupancy: (\d+)", line):
                kernel.waves = int(found[1])
                kernel.loop = inner_loop(code, self.count)
                kernel = None
        return kernels

    @staticmethod
    def metadata(lines):
        """The entry of each kernel in the notes for the loader, which are YAML of a fixed form."""
        entry = {}
        for line in lines[lines.index("amdhsa.kernels:") + 1:]:
            if not line.startswith("  "):
                break
            if line.startswith("  - "):
                if entry:
                    yield entry
                entry = {}
            if found := re.match(r"(?:  - |    )\.(\w+):\s+(\S+)", line):
                entry[found[1]] = found[2].strip("'\"")
        if entry:
            yield entry

    def occupancy(self, kernel, group, local_bytes):
        """As of NVIDIA."""
        waves, local, simds = self.limits[self.target]
        if group > kernel.max_group:
            return 0, "groups"
        of_group = -(-group // kernel.simd)
        by_local = local // local_bytes * of_group / simds if local_bytes else waves
        fitting, limit = min((waves, "groups"), (by_local, "local memory"),
                             (kernel.waves, "registers"), key=lambda pair: pair[0])
        return fitting / waves, limit


class Intel:
    """Intel's offline compiler, which is the driver's own, and writes assembly when asked to."""
    # Hardware threads of the unit on which a group runs, and its bytes of local memory.
    limits = {"skl": (56, 64 << 10), "tgllp": (112, 64 << 10), "dg2": (128, 128 << 10),
              "pvc": (64, 128 << 10)}

    def __init__(self, target):
        self.target = target
        self.local_bytes = (128 if target == "pvc" else 64) << 10

    def compile(self, source, options, folder, with_loops):
        dump = f"{folder}/dump"
        os.makedirs(dump)
        environment = dict(os.environ, IGC_EnableZEBinary="1", IGC_DumpToCustomDir=f"{dump}/",
                           IGC_ShaderDumpEnable="1" if with_loops else "0")
        log = call(["ocloc", "compile", "-device", self.target, "-file", source, "-options",
                    " ".join(options), "-out_dir", folder, "-output", "a", "-output_no_suffix"],
                   env=environment)
        if "Build succeeded" not in log:
            raise CompileError(f"ocloc: {log.strip()}")
        kernels = self.metadata(elf_section(f"{folder}/a", b".ze_info").decode())
        files = [os.path.join(dump, name) for name in os.listdir(dump) if name.endswith(".asm")]
        # A second attempt at a kernel, after one that spills, is written after the first.
        for file in sorted(files, key=lambda name: os.stat(name).st_mtime_ns):
            self.read_assembly(lines_of(file), kernels)
        for name, registers in re.findall(r"kernel (\w+)\s+compiled SIMD\d+ allocated \d+ regs "
                                          r"and spilled around (\d+)", log):
            kernels[name].spilled_bytes = max(kernels[name].spilled_bytes, 4 * int(registers))
        return kernels

    @staticmethod
    def metadata(text):
        """The kernels in the notes for the driver, which are YAML of a fixed form."""
        kernels = {}
        for part in re.split(r"^  - name:\s+", text.split("kernels_misc_info:")[0],
                             flags=re.MULTILINE)[1:]:
            kernel = Kernel(part.split()[0])
            for key, field in (("simd_size", "simd"), ("slm_size", "local_bytes"),
                               ("grf_count", "registers")):
                if found := re.search(rf"^      {key}:\s+(\d+)", part, re.MULTILINE):
                    setattr(kernel, field, int(found[1]))
            memory = part.partition("per_thread_memory_buffers:")[2]
            memory = re.split(r"^    \w", memory, maxsplit=1, flags=re.MULTILINE)[0]
            kernel.scratch_bytes = sum(map(int, re.findall(r"^        size:\s+(\d+)", memory,
                                                           re.MULTILINE)))
            kernels[kernel.name] = kernel
        return kernels

    @staticmethod
    def count(opcode):
        """As of NVIDIA."""
        return int(opcode == "mad:f"), int(not re.match(
            r"(sync|jmpi|goto|join|while|if|else|endif|break|cont|halt|nop|brc|brd)\b", opcode))

    @staticmethod
    def read_assembly(lines, kernels):
        kernel, code = None, Code()
        for line in lines:
            if found := re.match(r"//\.kernel (\w+)", line):
                kernel = kernels[found[1]]
                kernel.spilled_bytes = 0
            elif found := re.match(r"//\.spill size (\d+)", line):
                kernel.spilled_bytes = int(found[1])
            elif found := re.match(r"(\w+):", line):
                code.add_label(found[1])
            elif found := re.match(r"(?:\([^)]+\))?\s+([a-z][\w.]*)\s(.*)", line):
                # The type of the result, the first one, tells products of floats from addresses.
                kind = re.search(r":([a-z]+)\b", found[2])
                code.add(f"{found[1]}:{kind[1] if kind else ''}",
                         re.findall(r"\b(_\d+_\d+|L\d+)\b", found[2].split("//")[0]))
        kernel.loop = inner_loop(code, Intel.count)

    def occupancy(self, kernel, group, local_bytes):
        """As of NVIDIA."""
        threads, local = self.limits[self.target]
        of_group = -(-group // kernel.simd)
        fitting, limit = min((threads // of_group, "groups"),
                             (local // local_bytes if local_bytes else threads, "local memory"))
        return fitting * of_group / threads, limit


VENDORS = {"NVIDIA": (Nvidia, Nvidia.limits), "AMD": (Amd, Amd.limits),
           "Intel": (Intel, Intel.limits)}
TARGETS = {target: (vendor, make(target)) for vendor, (make, targets) in VENDORS.items()
           for target in targets}
