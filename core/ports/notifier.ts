/** Brings a message to people: an outbox folder, SMTP, SES. Resolves when the transport has taken it. */
export interface Notifier {
  send(mail: Mail): Promise<void>;
}

/** Header fields must hold no line break; the adapter encodes them. */
export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** The same for mail programs that show it; whatever is put into it is escaped. */
  readonly html?: string;
}
