import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { sockaddrLl, tpacket2Hdr, tpacketReq, virtioNetHdr } from '../../src/linux/af-packet.ts';
import { bpfAttr } from '../../src/linux/bpf.ts';
import { Btf } from '../../src/linux/btf.ts';
import { ethtoolChannels, ifreq } from '../../src/linux/ethtool.ts';
import * as fuse from '../../src/linux/fuse-abi.ts';
import { nlmsghdr } from '../../src/linux/netlink.ts';
import { tpacket3Hdr, tpacketReq3 } from '../../src/linux/packet-rx-ring.ts';
import { ifaddrmsg, ifinfomsg, rtmsg, rtnexthop, rtnlLinkStats64 } from '../../src/linux/rtnetlink.ts';
import { sockaddrXdp, xdpDesc, xdpMmapOffsets, xdpRingOffset, xdpUmemReg } from '../../src/linux/xsk-socket.ts';

/** Offsets by our name of the member; `size`: of the struct. */
type Layout = Readonly<Record<string, number>>;

interface Row {
  readonly struct: string;
  readonly layout: Layout;
  /** Our name of a member: the kernel's, where they differ. */
  readonly names?: Readonly<Record<string, string>>;
  /** `size` is that of a part, as the kernel takes less than the whole. */
  readonly part?: true;
  /** Offsets are in words of so many bytes. */
  readonly unit?: number;
}

const prefixed = (prefix: string, layout: Layout, names: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.keys(layout).map((name) => [name, `${prefix}${names[name] ?? name}`]));

/** The members of a union are rows of their own. */
const { vlanTci, vlanTpid, ...tpacket3HdrOwn } = tpacket3Hdr;

const ROWS: readonly Row[] = [
  { struct: 'sockaddr_ll', layout: sockaddrLl, names: prefixed('sll_', sockaddrLl) },
  { struct: 'tpacket2_hdr', layout: tpacket2Hdr, names: prefixed('tp_', tpacket2Hdr) },
  { struct: 'virtio_net_hdr', layout: virtioNetHdr, names: { hdrLen: 'hdr_len' } },
  {
    struct: 'tpacket_req',
    layout: tpacketReq,
    names: prefixed('tp_', tpacketReq, {
      blockSize: 'block_size',
      blockNr: 'block_nr',
      frameSize: 'frame_size',
      frameNr: 'frame_nr',
    }),
  },
  {
    struct: 'tpacket_req3',
    layout: tpacketReq3,
    names: prefixed('tp_', tpacketReq3, {
      blockSize: 'block_size',
      blockNr: 'block_nr',
      frameSize: 'frame_size',
      frameNr: 'frame_nr',
      retireBlkTov: 'retire_blk_tov',
      sizeofPriv: 'sizeof_priv',
      featureReqWord: 'feature_req_word',
    }),
  },
  {
    struct: 'tpacket3_hdr',
    layout: tpacket3HdrOwn,
    names: prefixed('tp_', tpacket3Hdr, { nextOffset: 'next_offset' }),
  },
  {
    struct: 'sockaddr_xdp',
    layout: sockaddrXdp,
    names: prefixed('sxdp_', sockaddrXdp, { queueId: 'queue_id', sharedUmemFd: 'shared_umem_fd' }),
  },
  // Newer kernels know of more behind it, and take less.
  { struct: 'xdp_umem_reg', layout: xdpUmemReg, names: { chunkSize: 'chunk_size' }, part: true },
  { struct: 'xdp_desc', layout: xdpDesc },
  { struct: 'xdp_ring_offset', layout: xdpRingOffset },
  { struct: 'xdp_mmap_offsets', layout: xdpMmapOffsets },
  { struct: 'nlmsghdr', layout: nlmsghdr, names: prefixed('nlmsg_', nlmsghdr) },
  { struct: 'ifinfomsg', layout: ifinfomsg, names: prefixed('ifi_', ifinfomsg) },
  { struct: 'ifaddrmsg', layout: ifaddrmsg, names: prefixed('ifa_', ifaddrmsg) },
  { struct: 'rtmsg', layout: rtmsg, names: prefixed('rtm_', rtmsg, { dstLen: 'dst_len' }) },
  { struct: 'rtnexthop', layout: rtnexthop, names: prefixed('rtnh_', rtnexthop) },
  {
    struct: 'rtnl_link_stats64',
    layout: rtnlLinkStats64,
    names: {
      rxPackets: 'rx_packets',
      txPackets: 'tx_packets',
      rxBytes: 'rx_bytes',
      txBytes: 'tx_bytes',
      rxDropped: 'rx_dropped',
      txDropped: 'tx_dropped',
    },
  },
  {
    struct: 'ethtool_channels',
    layout: {
      cmd: ethtoolChannels.cmd,
      txCount: ethtoolChannels.txCount,
      combinedCount: ethtoolChannels.combinedCount,
    },
    names: { txCount: 'tx_count', combinedCount: 'combined_count' },
    unit: 4,
  },
  { struct: 'ifreq', layout: ifreq, names: { name: 'ifr_ifrn', data: 'ifr_ifru' } },
  {
    struct: 'bpf_attr',
    layout: bpfAttr.load,
    names: {
      type: 'prog_type',
      insnCount: 'insn_cnt',
      logLevel: 'log_level',
      logSize: 'log_size',
      logBuf: 'log_buf',
      progName: 'prog_name',
    },
    part: true,
  },
  {
    struct: 'bpf_attr',
    layout: bpfAttr.mapCreate,
    names: {
      type: 'map_type',
      keySize: 'key_size',
      valueSize: 'value_size',
      maxEntries: 'max_entries',
      flags: 'map_flags',
      numaNode: 'numa_node',
      name: 'map_name',
    },
    part: true,
  },
  { struct: 'fuse_in_header', layout: fuse.fuseInHeader },
  { struct: 'fuse_out_header', layout: fuse.fuseOutHeader },
  { struct: 'fuse_init_in', layout: fuse.fuseInitIn },
  { struct: 'fuse_init_out', layout: fuse.fuseInitOut },
  { struct: 'fuse_attr', layout: fuse.fuseAttr, names: { fileSize: 'size' } },
  { struct: 'fuse_entry_out', layout: fuse.fuseEntryOut },
  { struct: 'fuse_attr_out', layout: fuse.fuseAttrOut },
  { struct: 'fuse_forget_in', layout: fuse.fuseForgetIn },
  { struct: 'fuse_batch_forget_in', layout: fuse.fuseBatchForgetIn },
  { struct: 'fuse_forget_one', layout: fuse.fuseForgetOne },
  { struct: 'fuse_setattr_in', layout: fuse.fuseSetattrIn },
  { struct: 'fuse_open_out', layout: fuse.fuseOpenOut },
  { struct: 'fuse_read_in', layout: fuse.fuseReadIn, names: { bytes: 'size' } },
  { struct: 'fuse_write_in', layout: fuse.fuseWriteIn, names: { bytes: 'size' } },
  { struct: 'fuse_write_out', layout: fuse.fuseWriteOut, names: { bytes: 'size' } },
  { struct: 'fuse_release_in', layout: fuse.fuseReleaseIn },
  // struct fuse_statfs_out is one struct fuse_kstatfs.
  { struct: 'fuse_kstatfs', layout: fuse.fuseStatfsOut },
  { struct: 'fuse_interrupt_in', layout: fuse.fuseInterruptIn },
  { struct: 'fuse_getxattr_in', layout: fuse.fuseGetxattrIn, names: { bytes: 'size' } },
  { struct: 'fuse_getxattr_out', layout: fuse.fuseGetxattrOut, names: { bytes: 'size' } },
  { struct: 'fuse_dirent', layout: fuse.fuseDirent },
];

/** Structs that stand before a name in a FUSE request: only their sizes matter. The kernel's BTF has no fuse_rename_in. */
const NAME_AFTER: Readonly<Record<Exclude<keyof typeof fuse.fuseNameAt, 'rename'>, string>> = {
  mknod: 'fuse_mknod_in',
  mkdir: 'fuse_mkdir_in',
  link: 'fuse_link_in',
  rename2: 'fuse_rename2_in',
  create: 'fuse_create_in',
};

const VMLINUX = '/sys/kernel/btf/vmlinux';
/** A kernel is built with BTF or not, whatever its version; a module has its own. */
const whyNoBtf = existsSync(VMLINUX) ? false : `this kernel has no ${VMLINUX} (CONFIG_DEBUG_INFO_BTF)`;

describe('struct layouts are those of the running kernel', { skip: whyNoBtf }, () => {
  const kernel = whyNoBtf ? undefined : new Btf(readFileSync(VMLINUX));

  for (const { struct, layout, names = {}, part, unit = 1 } of ROWS) {
    test(`struct ${struct}`, (t) => {
      const known = kernel?.struct(struct);
      if (!known && /^(fuse|virtio)_/.test(struct)) return t.skip(`this kernel has ${struct} in a module`);
      assert.ok(known, `the kernel has no struct ${struct}`);
      const ours = Object.entries(layout).filter(([name]) => name !== 'size');
      assert.deepEqual(
        Object.fromEntries(ours.map(([name, offset]) => [name, offset * unit])),
        Object.fromEntries(ours.map(([name]) => [name, known.members.get(names[name] ?? name)])),
      );
      if (layout.size !== undefined) {
        if (part) assert.ok(layout.size <= known.size);
        else assert.equal(layout.size, known.size, 'size');
      }
    });
  }

  for (const [request, struct] of Object.entries(NAME_AFTER)) {
    test(`the name of ${request} stands behind struct ${struct}`, (t) => {
      const known = kernel?.struct(struct);
      if (!known) return t.skip(`this kernel has ${struct} in a module`);
      assert.equal(fuse.fuseNameAt[request as keyof typeof NAME_AFTER], known.size);
    });
  }
});

test('bytes that are no BTF are refused', () => {
  assert.throws(() => new Btf(new Uint8Array(24)), RangeError);
});
