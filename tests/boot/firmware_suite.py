"""Firmware of Debian on the board 'virt': U-Boot, EDK2 from flash, with USB, and with a kernel."""

import os
import random
import shutil
import subprocess
import tempfile
import zlib

from desktop import Desktop
from machine import Failure
from virtio_suite import COPY_BYTES, Disk, Said

U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
EFI = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
EFI_CODE = "/usr/share/AAVMF/AAVMF_CODE.fd"
EFI_VARIABLES = "/usr/share/AAVMF/AAVMF_VARS.fd"
# What nothing else puts into the flash.  EDK2 takes only known names under its own GUID.
VARIABLE, VALUE = "QuinceBootTest", 0x5155_494E_4345_E2E1
VARIABLE_GUID = "0b5e7f7c-4f0c-4c53-9d4e-5c1d0a8f2a61"


def firmware(path):
    if not os.path.exists(path):
        raise Failure(f"'{path}' is missing (scripts/install-deps.sh check)")
    return path


class FirmwareTests:
    """Needs start() and boot_args() of boot_test.py's Suite."""

    def firmware_args(self, *extra):
        return ["-M", "virt", "-m", "512M", "-display", "none", "-no-reboot", *extra]

    def test_uboot(self):
        """U-Boot lists the disk, reads and writes it, gets an address, and turns the machine off."""
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "disk", "raw", 4)
            args = self.firmware_args("-bios", firmware(U_BOOT), *disk.drive("disk"),
                                      "-device", "virtio-blk-pci,drive=disk,addr=3",
                                      "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net")
            with self.start(*args) as g:
                g.expect("U-Boot 20")
                g.expect("Hit any key to stop autoboot")
                g.send(" ")
                g.expect("=> ")
                g.send("pci\n")
                g.expect("00.03.00   0x1af4")
                g.expect("Mass storage controller")
                g.send("virtio scan; virtio info\n")
                g.expect("VirtIO Block Device")
                g.expect("(32768 x 512)")
                g.send("virtio read 50000000 0 2000; crc32 50000000 400000\n")
                g.expect(f"5{COPY_BYTES - 1:07x} ==> {zlib.crc32(disk.data):08x}")
                g.send("virtio write 50000000 2000 2000\n")
                g.expect("8192 blocks written: OK")
                g.send("setenv autoload no; dhcp\n")
                g.expect("bound to address 10.0.2.15")
                g.expect("=> ")  # what comes before is taken for an attempt to stop dhcp
                g.send("poweroff\n")
                g.finish()
            disk.check()

    def test_edk2_shell_from_flash(self):
        """EDK2's shell reads the disk, and a variable stays in the second flash."""
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "disk", "qcow2", 5)
            variables = os.path.join(folder, "variables")
            shutil.copyfile(firmware(EFI_VARIABLES), variables)
            args = self.firmware_args(
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={firmware(EFI_CODE)}",
                "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
                *disk.drive("disk"), "-device", "virtio-blk-pci,drive=disk,addr=3")
            with self.start(*args) as g:
                g.expect("UEFI Interactive Shell")
                g.expect("PciRoot(0x0)/Pci(0x3,0x0)")
                g.expect("any other key to continue")
                g.send("\r")
                g.expect("Shell> ")
                g.send("dblk BLK0 0 1\r")
                for row in range(0, 32, 16):
                    half = [disk.data[row + at:row + at + 8].hex(" ").upper() for at in (0, 8)]
                    g.expect("-".join(half))
                g.send(f"setvar {VARIABLE} -guid {VARIABLE_GUID} -nv -bs =0x{VALUE:x}\r")
                g.expect("Shell> ")
                g.send("reset -s\r")
                g.finish()
            with open(variables, "rb") as f:
                kept = f.read()
            at = kept.find(VARIABLE.encode("utf-16-le"))
            if at < 0 or VALUE.to_bytes(8, "little") not in kept[at:at + 64]:
                raise Failure("the variable is not in the flash image")

    def test_edk2_boot_order(self):
        """EDK2 tries disks in the order of their bootindex, and no others."""
        with tempfile.TemporaryDirectory() as folder:
            disks = [Disk(folder, f"disk{n}", "raw", 7 + n) for n in range(4)]
            devices = ["virtio-blk-pci,drive=disk0,addr=3,bootindex=30",
                       "pcie-root-port,id=port,addr=5",
                       "virtio-blk-pci,drive=disk1,bus=port,bootindex=20",
                       "virtio-blk-device,drive=disk2,bootindex=10",
                       "virtio-blk-pci,drive=disk3,addr=2"]
            args = self.firmware_args("-bios", firmware(EFI), "-boot", "strict=on,menu=on,splash-time=0")
            for n, disk in enumerate(disks):
                args += disk.drive(f"disk{n}")
            for device in devices:
                args += ["-device", device]
            with self.start(*args) as g:
                # There is nothing to start on any of them.
                for path in ["VenHw(837DCA9E-E874-4D82-B29A-23FE0E23D1E2,003E000A00000000)",  # the last slot
                             "PciRoot(0x0)/Pci(0x5,0x0)/Pci(0x0,0x0)",
                             "PciRoot(0x0)/Pci(0x3,0x0)"]:
                    g.expect("failed to load Boot")
                    g.expect(f"from {path}: Not Found")
                g.expect("UEFI Interactive Shell")
                if g.log.count(b"failed to load Boot") != 3:
                    g.fail("more than three disks were tried")
                g.expect("any other key to continue")
                g.send("\r")
                g.expect("Shell> ")
                g.send("reset -s\r")
                g.finish()

    @staticmethod
    def edk2_type(desktop, g, text):
        """Types a line, each letter when EDK2 has shown the one before: it may be slow, and a keyboard holds few."""
        for letter in text:
            desktop.type_text(letter)
            g.expect(letter)
        desktop.key("Return")

    def edk2_usb(self, *devices):
        """EDK2's drivers of xHCI, keyboard and disk: the shell has its commands from the keyboard alone, reads a file of
        the disk, and writes one, which the host reads."""
        word = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=24))
        with tempfile.TemporaryDirectory() as folder, Desktop() as desktop:
            image, text = os.path.join(folder, "stick"), os.path.join(folder, "text")
            with open(text, "w", encoding="ascii") as f:
                f.write(f"the word is {word}\r\n")
            subprocess.run(["mformat", "-C", "-i", image, "-T", "65536", "-h", "16", "-s", "32", "::"], check=True)
            subprocess.run(["mcopy", "-i", image, text, "::word.txt"], check=True)
            args = ["-M", "virt", "-m", "512M", "-no-reboot", "-bios", firmware(EFI), "-display", "sdl",
                    "-drive", f"if=none,id=stick,format=raw,file={image}", *devices]
            # Nothing can come from the serial port: its input is at its end.
            with self.start(*args, stdin=subprocess.DEVNULL, env=desktop.env) as g:
                g.expect("UEFI Interactive Shell")
                g.expect("USB(")
                g.expect("any other key to continue")
                desktop.window("quince", g)
                desktop.key("Return")
                g.expect("Shell> ")
                self.edk2_type(desktop, g, "type fs0:\\word.txt")
                g.expect(f"the word is {word}")
                g.expect("Shell> ")
                self.edk2_type(desktop, g, f"echo {word[::-1]} >a fs0:\\typed.txt")
                g.expect("Shell> ")
                self.edk2_type(desktop, g, "reset -s")
                g.finish()
            typed = subprocess.run(["mtype", "-i", image, "::typed.txt"], check=True, stdout=subprocess.PIPE).stdout
            if word[::-1] not in typed.decode(errors="replace"):
                raise Failure(f"the file on the disk has {typed!r}, not what was typed: {word[::-1]}")

    def test_edk2_usb(self):
        self.edk2_usb("-device", "ramfb", "-device", "qemu-xhci", "-device", "usb-kbd",
                      "-device", "usb-storage,drive=stick")

    def test_edk2_usb_full_speed(self):
        """The other controller; a keyboard at full speed."""
        self.edk2_usb("-device", "virtio-gpu-pci", "-device", "nec-usb-xhci,intrs=4",
                      "-device", "usb-kbd,usb_version=1", "-device", "usb-storage,drive=stick,removable=on")

    def test_edk2_boots_a_kernel(self):
        """EDK2 takes the kernel, its line and its initramfs from fw_cfg."""
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "disk", "raw", 6)
            args = self.boot_args("-bios", firmware(EFI), *disk.drive("disk"),
                                  "-device", "virtio-blk-pci,drive=disk", board="virt",
                                  append="quince.virtio quince.exit", initramfs="initramfs-virtio")
            with self.start(*args) as g:
                g.expect("EFI stub: Booting Linux Kernel")
                g.expect("EFI stub: Exiting boot services")
                g.expect("virtio: done")
                g.finish()
                disk.said_right(Said(g), "vda")
            disk.check()
