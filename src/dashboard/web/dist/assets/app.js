import{$ as e,A as t,F as n,G as r,J as i,L as a,M as o,P as s,Q as c,R as l,U as u,V as d,X as f,Z as p,k as m,nt as h,tt as g,z as _}from"./shared.js";var v=`clockfold-theme`,y=new h(x()??S()??`auto`);y.follow(()=>{b();try{localStorage.setItem(v,y.value)}catch{}}),b();function b(){y.value===`auto`?delete document.documentElement.dataset.theme:document.documentElement.dataset.theme=y.value}function x(){return C(new URLSearchParams(location.search).get(`theme`))}function S(){try{return C(localStorage.getItem(v))}catch{return null}}function C(e){return e===`auto`||e===`light`||e===`dark`?e:null}var w=class extends i{#e;constructor(){super(),new g(this,_)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#e)}render(){let t=_.value;clearInterval(this.#e),t.is===`waiting`&&(this.#e=setInterval(()=>this.requestUpdate(),1e3));let n=document.documentElement.classList.contains(`tv`);return e`<span
      class="connection"
      data-is=${t.is}
      data-via=${t.is===`live`?t.via:c}
      title=${t.is===`live`&&t.via===`events`?`By an event stream: no WebSocket comes through to the server`:c}
      ><span class="dot" aria-hidden="true"></span>
      <span aria-hidden="true">${T(t)}</span>
      <span class="unseen" role="status">${E(t)}</span>
      ${t.is===`waiting`&&!n?e`<button type="button" @click=${d}>Try now</button>`:c}</span
    >`}};function T(e){if(e.is!==`waiting`)return E(e);let t=Math.max(0,Math.ceil((e.retryAt-performance.now())/1e3));return t>0?`Reconnecting in ${t} s`:`Reconnecting…`}function E(e){switch(e.is){case`idle`:return``;case`connecting`:return`Connecting…`;case`live`:return`Live`;case`waiting`:return`Connection lost, reconnecting`;case`signed-out`:return`Signed out`}}customElements.define(`clockfold-connection`,w);var D={auto:`Auto`,light:`Light`,dark:`Dark`},O=class extends i{#e=new Map;#t=null;#n=!1;#r=null;constructor(){super(),new g(this,n,t,y),p.follow(()=>this.#c()),m()}render(){let{page:t,url:r}=n.value,i=t!==null&&!t.open&&r.searchParams.get(`tv`)===`1`;return document.documentElement.classList.toggle(`tv`,i),document.title=t?`${t.title} · Clockfold`:`Clockfold`,i?e`<main id="main" class="wall">${this.#o(t)}</main>`:e`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        ${this.#i()}
        <clockfold-connection></clockfold-connection>
        ${this.#a()}
      </header>
      <main id="main" tabindex="-1">${this.#o(t)}</main>`}#i(){let t=n.value.page;return t?.open?c:e`<nav aria-label="Pages">
      <ul>
        ${l.map(n=>n.link?e`<li>
                <a href=${f(n.link.href)} aria-current=${n===t?`page`:c}>${n.link.words}</a>
              </li>`:c)}
      </ul>
    </nav>`}#a(){let n=t.value instanceof u?null:t.value?.reader;return e`<div class="choices">
      <label class="choice"
        ><span class="unseen">Light or dark</span>
        <select @change=${e=>y.value=e.target.value}>
          ${Object.entries(D).map(([t,n])=>e`<option value=${t} ?selected=${y.value===t}>${n}</option>`)}
        </select></label
      >
      ${n?.signedIn?e`<span class="who">${n.name}</span> <button type="button" @click=${this.#u}>Sign out</button>`:c}
      <span class="error" role="alert">${this.#r??``}</span>
    </div>`}#o(i){if(!i)return k(`There is no page at this address`,e`The <a href=${f(``)}>board</a> is at <code>${f(``)}</code>.`);if(!i.open&&p.value===`out`)return c;if(!i.open&&t.value instanceof u&&t.value.kind===`refused`)return k(`The server does not answer this browser`,e`${r(t.value)}`);let a=this.#e.get(i);return a===`there`?i.draw(n.value):a instanceof Error?k(`This page could not be loaded`,e`Is the server running, and is this computer connected to it? Then load the page again. (${r(a)})`):(a===void 0&&this.#s(i),c)}async#s(e){this.#e.set(e,`loading`);try{await e.load(),this.#e.set(e,`there`)}catch(t){this.#e.set(e,t instanceof Error?t:Error(String(t)))}this.requestUpdate()}updated(){let{page:e}=n.value;this.#t!==e&&(this.#t!==null&&this.querySelector(`main`)?.focus(),this.#t=e)}#c(){let{page:e,url:t}=n.value;if(p.value===`in`&&(this.#n=!0),p.value===`out`&&!e?.open){let e=a(t);this.#n&&!this.#l&&e.searchParams.set(`why`,`ended`),this.#n=!1,s(e,`replace`)}this.requestUpdate()}#l=!1;#u=async()=>{this.#l=!0,this.#r=null;try{await o()}catch(e){this.#r=r(e)}this.#l=!1,this.requestUpdate()}};function k(t,n){return e`<div class="notice" role="alert">
    <h1>${t}</h1>
    <p>${n}</p>
  </div>`}customElements.define(`clockfold-app`,O);export{y as t};