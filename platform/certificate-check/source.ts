/**
 * The chain of one source as the certificate check sees it: links wait in their block until the block's signature
 * proves them, backwards from the signed one, as far as each link's `previousHash` is the hash of the one before.
 */

/** A message's place in its source's chain; content already checked against `hash`. */
export interface Link {
  readonly hash: string;
  readonly previousHash: string;
}

interface Block {
  /** Links by position that no signature stands for yet. */
  readonly waiting: Map<number, Link>;
  /** Lowest position that the block's signature reaches back to; undefined while there is no good signature. */
  proven: { readonly index: number; readonly previousHash: string } | undefined;
  /** The block has been repudiated: once is enough. */
  repudiated: boolean;
}

/** Links of a block that was left behind without being proven. */
export interface Leftover {
  readonly unproven: number;
  /** True when no part of the block was ever proven although messages of it came. */
  readonly unsigned: boolean;
}

export interface Source {
  readonly blockLength: number;
  /** Takes a message in; answers with what became of blocks that are now too old to wait for. */
  add(index: number, link: Link): readonly Leftover[];
  /**
   * The signature of the block that ends at `index` is good. Answers with the position of a message that contradicts
   * the signed chain, if there is one: it came in place of the genuine message.
   */
  prove(index: number): { readonly contradicted?: number };
  /** Messages proven so far. */
  provenCount(): number;
  /** Messages whose block is still open. */
  waitingCount(): number;
  /** True on the first call for the block that holds `index`. */
  markRepudiated(index: number): boolean;
}

/**
 * Blocks that are kept open: the newest, and those before it for messages and signatures that come late. The one that
 * was silent for longest goes first, so that a message with an absurd position cannot push the genuine ones out.
 */
const BLOCKS_OPEN = 3;

export function createSource(blockLength: number): Source {
  const blocks = new Map<number, Block>();
  let proven = 0;

  const blockOf = (index: number): Block => {
    const number = Math.floor(index / blockLength);
    const block = blocks.get(number) ?? { waiting: new Map(), proven: undefined, repudiated: false };
    blocks.delete(number);
    blocks.set(number, block);
    return block;
  };

  /** Walks back from the lowest proven position over links that fit. */
  const walkBack = (block: Block): { readonly contradicted?: number } => {
    while (block.proven !== undefined) {
      const index = block.proven.index - 1;
      const link = block.waiting.get(index);
      if (link === undefined) return {};
      if (link.hash !== block.proven.previousHash) return { contradicted: index };
      block.waiting.delete(index);
      block.proven = { index, previousHash: link.previousHash };
      proven += 1;
    }
    return {};
  };

  const leaveBehind = (): readonly Leftover[] => {
    const leftovers: Leftover[] = [];
    for (const [number, { proven: signed, repudiated, waiting }] of blocks) {
      if (blocks.size <= BLOCKS_OPEN) break;
      blocks.delete(number);
      leftovers.push({
        unproven: waiting.size,
        unsigned: signed === undefined && !repudiated && waiting.size > 0,
      });
    }
    return leftovers;
  };

  return {
    blockLength,
    add(index, link) {
      const block = blockOf(index);
      block.waiting.set(index, link);
      if (block.proven?.index === index + 1) walkBack(block);
      return leaveBehind();
    },
    prove(index) {
      const block = blockOf(index);
      const link = block.waiting.get(index);
      if (link === undefined || block.proven !== undefined) return {};
      block.waiting.delete(index);
      block.proven = { index, previousHash: link.previousHash };
      proven += 1;
      return walkBack(block);
    },
    provenCount: () => proven,
    waitingCount: () => [...blocks.values()].reduce((sum, { waiting }) => sum + waiting.size, 0),
    markRepudiated(index) {
      const block = blockOf(index);
      const first = !block.repudiated;
      block.repudiated = true;
      return first;
    },
  };
}
