/** What tests may know of the tool table. */
export interface Tool {
  readonly title: string;
  /** Programs it brings. */
  readonly names: readonly string[];
  /** One sentence on what to install where it cannot be had. */
  readonly missing: string;
}
export declare const toolbox: Readonly<Record<string, Tool>>;
export declare function readRecord(root: string): Readonly<Record<string, string>>;
