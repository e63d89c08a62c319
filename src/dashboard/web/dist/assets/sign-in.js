import{A as e,G as t,H as n,J as r,K as i,M as a,N as o,q as s}from"./shared.js";var c=512,l=class extends t{static{this.properties={route:{attribute:!1},error:{state:!0},busy:{state:!0}}}constructor(){super(),this.error=null,this.busy=!1}firstUpdated(){this.#e?.focus()}render(){let e=this.route.url.searchParams.get(`why`)===`ended`;return r`<div class="sign-in">
      <h1>Sign in</h1>
      ${e?r`<p class="notice-line">You are signed out: nobody was at the page for a while, you signed out in another window, or your token was replaced or has expired.</p>`:s}
      <form @submit=${this.#t}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength=${c}
          aria-describedby="token-help token-error"
          aria-invalid=${this.error?`true`:`false`}
        />
        <p id="token-error" class="error" role="alert">${this.error??``}</p>
        <button type="submit" class="primary" ?disabled=${this.busy}>${this.busy?`Signing in…`:`Sign in`}</button>
      </form>
      <div id="token-help" class="help">
        <p>
          You get your token from whoever runs Clockfold here. It is typed once; then a cookie that no script can read stands
          for it in this browser, until you sign out.
        </p>
        <details>
          <summary>Where a token comes from</summary>
          <p>
            It is the <code>token</code> of a <code>[[reader]]</code> in the server's configuration, <code>clockfold.toml</code>.
            <code>clockfold key new</code> makes a new one; the server reads it when it starts.
          </p>
        </details>
      </div>
    </div>`}get#e(){return this.querySelector(`input`)}#t=async t=>{t.preventDefault();let r=this.#e,s=r?.value.trim();if(r&&s&&!this.busy){this.busy=!0,this.error=null;try{await e(s),r.value=``,i.value=`in`,a(o(this.route.url.searchParams.get(`next`)),`replace`)}catch(e){this.error=n(e),r.select(),r.focus()}finally{this.busy=!1}}}};customElements.define(`clockfold-sign-in`,l);export{l as SignInPage};