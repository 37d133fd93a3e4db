import { auth } from "@/auth";
import { redirect } from "next/navigation";

/** Shows who is signed in; nobody yet is sent to where Auth.js lets people sign in. */
export async function GET() {
  const session = await auth();
  if (!session?.user) redirect("/api/auth/signin");
  return new Response(`<title>${session.user.name}</title>`, { headers: { "content-type": "text/html" } });
}
