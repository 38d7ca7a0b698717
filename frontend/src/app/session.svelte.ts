// Who is signed in. The cookie itself cannot be read from here; what this page knows comes from GET /session.
export interface SignedIn {
  account: { id: string; name: string; admin: boolean };
  key: { name: string; label: string; management: boolean };
  csrf: string;
  expires: string;
}

class Session {
  /** undefined: not known yet; null: nobody. */
  current = $state<SignedIn | null | undefined>(undefined);

  get manager(): boolean {
    return this.current?.key.management ?? false;
  }

  get admin(): boolean {
    return this.manager && (this.current?.account.admin ?? false);
  }

  async look(): Promise<void> {
    const answer = await fetch("/session", { headers: { accept: "application/json" } });
    this.current = answer.ok ? ((await answer.json()) as { data: SignedIn | null }).data : null;
  }

  /** Sign in with a key; throws an Error whose message can be shown. */
  async signIn(key: string): Promise<void> {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
    const body = (await answer.json()) as { data?: SignedIn; error?: { message: string } };
    if (!answer.ok || !body.data) throw new Error(body.error?.message ?? "The gateway did not accept this key.");
    this.current = body.data;
  }

  async signOut(): Promise<void> {
    await fetch("/session", { method: "DELETE", headers: { "x-csrf-token": this.current?.csrf ?? "" } });
    this.current = null;
  }
}

export const session = new Session();
