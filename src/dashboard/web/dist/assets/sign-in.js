import{$ as e,G as t,J as n,N as r,P as i,Q as a,Z as o,j as s}from"./shared.js";var c=512,l=class extends n{static{this.properties={route:{attribute:!1},error:{state:!0},busy:{state:!0}}}constructor(){super(),this.error=null,this.busy=!1}firstUpdated(){this.#e?.focus()}render(){let t=this.route.url.searchParams.get(`why`)===`ended`;return e`<div class="sign-in">
      <h1>Sign in</h1>
      ${t?e`<p class="notice-line">You are signed out: nobody was at the page for a while, you signed out in another window, or your token was replaced or has expired.</p>`:a}
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
    </div>`}get#e(){return this.querySelector(`input`)}#t=async e=>{e.preventDefault();let n=this.#e,a=n?.value.trim();if(n&&a&&!this.busy){this.busy=!0,this.error=null;try{await s(a),n.value=``,o.value=`in`,i(r(this.route.url),`replace`)}catch(e){this.error=t(e),n.select(),n.focus()}finally{this.busy=!1}}}};customElements.define(`clockfold-sign-in`,l);export{l as SignInPage};